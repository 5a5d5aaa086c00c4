//! Heights to the bytes of an X3P (ISO 25178-72).

use super::instrument::{Instrument, Stored};
use md5::{Digest, Md5};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

/// Step of heights stored as whole numbers, µm: finer than any instrument's noise.
const STEP_UM: f64 = 0.001;

/// The map as a file. `z` holds rows from the top, µm, NaN where not measured.
///
/// # Errors
/// The archive's own, which writing to memory does not give.
pub fn encode(z: &[f32], instrument: &Instrument) -> Result<Vec<u8>, ZipError> {
    let stored = instrument.stored;
    let mut data = Vec::with_capacity(z.len() * 8);
    for v in z {
        match stored {
            Stored::Double => data.extend((f64::from(*v) * 1e-6).to_le_bytes()),
            Stored::Float => data.extend((v * 1e-6).to_le_bytes()),
            Stored::Long => data.extend(((f64::from(*v) / STEP_UM).round() as i32).to_le_bytes()),
        }
    }
    let mut valid = vec![0u8; z.len().div_ceil(8)];
    for (i, _) in z.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        valid[i / 8] |= 1 << (i % 8);
    }
    let valid = (stored == Stored::Long).then_some(valid);
    let xml = header(instrument, &data, valid.as_deref());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // A fixed time of day: the same seed gives the same bytes.
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    let mut add = |name: &str, bytes: &[u8]| -> Result<(), ZipError> {
        zip.start_file(name, options)?;
        Ok(zip.write_all(bytes)?)
    };
    add("main.xml", xml.as_bytes())?;
    add("bindata/data.bin", &data)?;
    if let Some(valid) = &valid {
        add("bindata/valid.bin", valid)?;
    }
    add("md5checksum.hex", format!("{} *main.xml\n", md5(xml.as_bytes())).as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn header(instrument: &Instrument, data: &[u8], valid: Option<&[u8]>) -> String {
    let window = &instrument.window;
    let step = f64::from(window.um_per_px) * 1e-6;
    let axis = |name: &str, kind: &str, number: &str, increment: f64| {
        format!(
            "<{name}><AxisType>{kind}</AxisType><DataType>{number}</DataType>\
             <Increment>{increment:e}</Increment><Offset>0</Offset></{name}>"
        )
    };
    let (number, unit) = match instrument.stored {
        Stored::Double => ("D", 1.0),
        Stored::Float => ("F", 1.0),
        Stored::Long => ("L", STEP_UM * 1e-6),
    };
    let mask = valid.map_or_else(String::new, |bits| {
        format!(
            "<ValidPointsLink>bindata/valid.bin</ValidPointsLink>\
             <MD5ChecksumValidPoints>{}</MD5ChecksumValidPoints>",
            md5(bits)
        )
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <p:ISO5436_2 xmlns:p=\"http://www.opengps.eu/2008/ISO5436_2\">\n\
         <Record1><Revision>ISO5436 - 2000</Revision><FeatureType>SUR</FeatureType><Axes>{}{}{}</Axes></Record1>\n\
         <Record2><Date>2026-01-01T00:00:00Z</Date><Creator>microstamp {} (simulated)</Creator>\
         <Instrument><Manufacturer>none</Manufacturer><Model>simulated</Model><Serial>none</Serial><Version>1</Version></Instrument>\
         <CalibrationDate>2026-01-01T00:00:00Z</CalibrationDate>\
         <ProbingSystem><Type>NonContacting</Type><Identification>simulated</Identification></ProbingSystem></Record2>\n\
         <Record3><MatrixDimension><SizeX>{}</SizeX><SizeY>{}</SizeY><SizeZ>1</SizeZ></MatrixDimension>\
         <DataLink><PointDataLink>bindata/data.bin</PointDataLink><MD5ChecksumPointData>{}</MD5ChecksumPointData>{mask}</DataLink></Record3>\n\
         <Record4><ChecksumFile>md5checksum.hex</ChecksumFile></Record4>\n</p:ISO5436_2>\n",
        axis("CX", "I", "D", step),
        axis("CY", "I", "D", step),
        axis("CZ", "A", number, unit),
        env!("CARGO_PKG_VERSION"),
        window.w,
        window.h,
        md5(data),
    )
}
