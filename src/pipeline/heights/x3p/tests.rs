use super::*;
use std::io::Write;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An X3P in parts, of which a test changes one.
struct File {
    axes: [String; 3],
    dimension: String,
    data: Vec<u8>,
    valid: Option<Vec<u8>>,
    inline: String,
    revision: &'static str,
}

fn axis(kind: &str, number: &str, increment: &str) -> String {
    format!(
        "<AxisType>{kind}</AxisType><DataType>{number}</DataType><Increment>{increment}</Increment><Offset>0</Offset>"
    )
}

/// Three columns 2 µm apart, two rows 4 µm apart, heights in µm.
const HEIGHTS: [f64; 6] = [1.0, 2.0, 3.0, -4.0, 5.5, 0.0];

impl File {
    fn new(number: &str, unit: &str, data: Vec<u8>) -> Self {
        Self {
            axes: [axis("I", "D", "2e-6"), axis("I", "D", "4e-6"), axis("A", number, unit)],
            dimension: "<MatrixDimension><SizeX>3</SizeX><SizeY>2</SizeY><SizeZ>1</SizeZ></MatrixDimension>"
                .into(),
            data,
            valid: None,
            inline: String::new(),
            revision: "ISO5436 - 2000",
        }
    }

    fn doubles() -> Self {
        Self::new("D", "1", HEIGHTS.iter().flat_map(|v| (v * 1e-6).to_le_bytes()).collect())
    }

    fn xml(&self) -> String {
        let sum = |bytes: &[u8]| hex(&Md5::digest(bytes));
        let valid = self.valid.as_ref().map_or_else(String::new, |bits| {
            format!(
                "<ValidPointsLink>bindata/valid.bin</ValidPointsLink><MD5ChecksumValidPoints>{}</MD5ChecksumValidPoints>",
                sum(bits)
            )
        });
        let points = if self.inline.is_empty() {
            format!(
                "<DataLink><PointDataLink>bindata/data.bin</PointDataLink><MD5ChecksumPointData>{}</MD5ChecksumPointData>{valid}</DataLink>",
                sum(&self.data)
            )
        } else {
            format!("<DataList>{}</DataList>", self.inline)
        };
        let [x, y, z] = &self.axes;
        format!(
            "<?xml version=\"1.0\"?><p:ISO5436_2 xmlns:p=\"x\"><Record1><Revision>{}</Revision><FeatureType>SUR</FeatureType>\
             <Axes><CX>{x}</CX><CY>{y}</CY><CZ>{z}</CZ></Axes></Record1><Record3>{}{points}</Record3>\
             <Record4><ChecksumFile>md5checksum.hex</ChecksumFile></Record4></p:ISO5436_2>",
            self.revision, self.dimension
        )
    }

    fn entries(&self) -> Vec<(&'static str, Vec<u8>)> {
        let xml = self.xml();
        let sum = format!("{} *main.xml\n", hex(&Md5::digest(xml.as_bytes())));
        let mut entries = vec![("main.xml", xml.into_bytes()), ("md5checksum.hex", sum.into_bytes())];
        if self.inline.is_empty() {
            entries.push(("bindata/data.bin", self.data.clone()));
        }
        entries.extend(self.valid.clone().map(|bits| ("bindata/valid.bin", bits)));
        entries
    }

    fn read(&self) -> Result<Heights, Failure> {
        read_archive(&self.entries())
    }
}

fn archive(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read_archive(entries: &[(&str, Vec<u8>)]) -> Result<Heights, Failure> {
    read(&archive(entries), &PhotoSettings::default())
}

fn reason(entries: &[(&str, Vec<u8>)]) -> String {
    let failure = read_archive(entries).unwrap_err();
    assert!(failure.stage == "load" && !failure.hint.is_empty());
    failure.reason
}

fn assert_heights(heights: &Heights, wanted: &[f64]) {
    assert_eq!(heights.z.dim(), (2, 3));
    for (found, wanted) in heights.z.iter().zip(wanted) {
        assert!(
            (f64::from(*found) - wanted).abs() < 1e-4 || found.is_nan() && wanted.is_nan(),
            "{}",
            heights.z
        );
    }
}

#[test]
fn every_kind_of_number_gives_the_same_heights() {
    let shorts = HEIGHTS.iter().flat_map(|v| ((v * 100.0) as i16).to_le_bytes()).collect();
    let longs = HEIGHTS.iter().flat_map(|v| ((v * 1e4) as i32).to_le_bytes()).collect();
    let floats = HEIGHTS.iter().flat_map(|v| ((v * 1e-6) as f32).to_le_bytes()).collect();
    let kinds = [
        File::doubles(),
        File::new("I", "1e-8", shorts),
        File::new("L", "1e-10", longs),
        File::new("F", "1", floats),
    ];
    for file in kinds {
        let heights = file.read().unwrap();
        assert_heights(&heights, &HEIGHTS);
        assert!((heights.step_um.0 - 2.0).abs() < 1e-9 && (heights.step_um.1 - 4.0).abs() < 1e-9);
    }
}

#[test]
fn a_list_in_the_xml_is_read_and_an_empty_datum_is_missing() {
    let mut file = File::doubles();
    file.inline = "<Datum>1e-6</Datum><Datum>2e-6</Datum><Datum/><Datum>-4e-6</Datum><Datum> 5.5e-6 </Datum><Datum></Datum>".into();
    let mut wanted = HEIGHTS;
    (wanted[2], wanted[5]) = (f64::NAN, f64::NAN);
    assert_heights(&file.read().unwrap(), &wanted);
    file.inline = file.inline.replace("-4e-6", "deep");
    assert!(file.read().unwrap_err().reason.contains("deep"));
}

#[test]
fn missing_points_are_nan_in_the_data_or_zero_in_the_mask() {
    let mut file = File::doubles();
    file.data[8..16].copy_from_slice(&f64::NAN.to_le_bytes());
    file.data[16..24].copy_from_slice(&1e30f64.to_le_bytes());
    let mut wanted = HEIGHTS;
    (wanted[1], wanted[2]) = (f64::NAN, f64::NAN);
    let heights = file.read().unwrap();
    assert_heights(&heights, &wanted);
    assert!((heights.missing() - 2.0 / 6.0).abs() < 1e-9);

    let mut file = File::doubles();
    file.valid = Some(vec![0b10_1110]);
    (wanted, wanted[0], wanted[4]) = (HEIGHTS, f64::NAN, f64::NAN);
    assert_heights(&file.read().unwrap(), &wanted);
    file.valid = Some(Vec::new());
    assert!(file.read().unwrap_err().reason.contains("valid.bin"));
}

#[test]
fn points_with_coordinates_of_their_own_fall_into_their_cells_in_any_order() {
    let order = [5, 0, 3, 1, 4, 2];
    let point = |i: &usize| {
        [(i % 3) as f64 * 2e-6 + 0.5, (i / 3) as f64 * 4e-6, HEIGHTS[*i] * 1e-6]
            .map(f64::to_le_bytes)
            .concat()
    };
    let mut file = File::new("D", "1", order.iter().flat_map(point).collect());
    file.axes[0] = axis("A", "D", "1");
    file.axes[1] = axis("A", "D", "1");
    let heights = file.read().unwrap();
    assert_heights(&heights, &HEIGHTS);
    assert!((heights.step_um.0 - 2.0).abs() < 1e-3 && (heights.step_um.1 - 4.0).abs() < 1e-3);
    // On one line there is no surface.
    file.data = (0..6).flat_map(|i| [i as f64, 0.0, 0.0].map(f64::to_le_bytes).concat()).collect();
    assert!(file.read().unwrap_err().reason.contains("line"));
}

#[test]
fn the_newer_standards_first_row_comes_last() {
    let mut file = File::doubles();
    file.revision = "ISO 25178 - 72";
    assert_heights(&file.read().unwrap(), &[-4.0, 5.5, 0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn an_entry_that_is_missing_is_named() {
    let whole = File::doubles().entries();
    for name in ["main.xml", "md5checksum.hex", "bindata/data.bin"] {
        let rest: Vec<_> = whole.iter().filter(|(n, _)| *n != name).cloned().collect();
        assert!(reason(&rest).contains(&format!("{name} is missing")));
    }
    assert!(read(b"PK\x03\x04main.xml", &PhotoSettings::default()).is_err());
}

#[test]
fn a_wrong_md5_is_named_with_what_was_found() {
    let mut entries = File::doubles().entries();
    entries[2].1[3] ^= 1;
    assert!(reason(&entries).contains("MD5 of bindata/data.bin"));
    let mut entries = File::doubles().entries();
    entries[0].1 = String::from_utf8(entries[0].1.clone()).unwrap().replace("2e-6", "3e-6").into_bytes();
    assert!(reason(&entries).contains("MD5 of main.xml"));
}

#[test]
fn sizes_that_do_not_fit_are_refused_before_they_are_believed() {
    let mut file = File::doubles();
    for more in [[0u8; 8].as_slice(), &[0]] {
        file.data.extend(more);
        assert!(file.read().unwrap_err().reason.contains("more bytes"));
    }
    file.data.truncate(40);
    assert!(file.read().unwrap_err().reason.contains("40 bytes, where 48 are needed"));
    for (size, word) in
        [("0", "no points"), ("4000000000", "more than 25 millions"), ("9999999", "more than 25")]
    {
        let mut file = File::doubles();
        file.dimension = file.dimension.replace("<SizeY>2", &format!("<SizeY>{size}"));
        assert!(file.read().unwrap_err().reason.contains(word), "{size}");
    }
    let mut file = File::doubles();
    file.inline = "<Datum>1</Datum>".repeat(7);
    assert!(file.read().unwrap_err().reason.contains("7 points, where main.xml states 6"));
}

#[test]
fn what_unpacks_to_far_more_than_its_size_is_refused() {
    let mut file = File::doubles();
    file.dimension = file.dimension.replace("<SizeX>3", "<SizeX>2000").replace("<SizeY>2", "<SizeY>2000");
    file.data = vec![0; 8 * 2000 * 2000];
    assert!(file.read().unwrap_err().reason.contains("times its size"));
    let mut entries = File::doubles().entries();
    entries[0].1.resize(MAX_XML_BYTES + 1, b' ');
    assert!(reason(&entries).contains("main.xml unpacks to more than"));
    let names: Vec<String> = (0..=MAX_ENTRIES).map(|i| format!("x{i}")).collect();
    let many: Vec<(&str, Vec<u8>)> = names.iter().map(|n| (n.as_str(), Vec::new())).collect();
    assert!(reason(&many).contains("more than 1000 files"));
}

#[test]
fn paths_out_of_the_file_are_refused() {
    for path in ["../data.bin", "/etc/passwd", "C:\\data.bin", "bindata/../../data.bin"] {
        let file = File::doubles();
        let xml = file.xml().replace("bindata/data.bin", path);
        let sum = hex(&Md5::digest(xml.as_bytes())).into_bytes();
        let entries = [
            ("main.xml", xml.into_bytes()),
            ("md5checksum.hex", sum),
            ("bindata/data.bin", file.data.clone()),
        ];
        assert!(reason(&entries).contains("out of the file"), "{path}");
    }
}

#[test]
fn the_start_of_an_x3p_is_told_from_other_archives() {
    assert!(is_x3p(&archive(&File::doubles().entries())[..64]));
    assert!(!is_x3p(&archive(&[("[Content_Types].xml", b"<a/>".to_vec())])[..64]));
    assert!(!is_x3p(b"PK\x03\x04") && !is_x3p(b""));
    // A vendor's picture may stand before it.
    let mut entries = File::doubles().entries();
    entries.insert(0, ("preview.png", vec![1, 2, 3]));
    let bytes = archive(&entries);
    assert!(!is_x3p(&bytes[..64]) && holds_heights(&bytes));
    assert!(
        !holds_heights(&archive(&[("word/document.xml", b"<a/>".to_vec())])) && !holds_heights(b"PK\x03\x04")
    );
}

/// Distances beyond those of any instrument would leave a row that nobody can read again.
#[test]
fn points_as_far_apart_as_no_instrument_measures_are_refused() {
    for step in ["1e300", "1e303", "2e-12", "5"] {
        let mut file = File::doubles();
        file.axes[0] = axis("I", "D", step);
        let failure =
            crate::pipeline::heights::load(&archive(&file.entries()), &PhotoSettings::default()).unwrap_err();
        assert!(
            failure.stage == "load" && failure.reason.contains("micrometres apart"),
            "{step}: {failure:?}"
        );
    }
}

#[test]
fn a_list_of_points_on_a_grid_gets_that_grid() {
    let mut file = File::doubles();
    file.axes = [axis("A", "D", "1"), axis("A", "D", "1"), axis("A", "D", "1")];
    file.dimension = "<ListDimension>600</ListDimension>".into();
    let point = |i: usize| [(i % 30) as f64 * 2e-6, (i / 30) as f64 * 2e-6, 1e-6];
    file.data = (0..600).flat_map(point).flat_map(f64::to_le_bytes).collect();
    let heights = file.read().unwrap();
    assert_eq!(heights.z.dim(), (20, 30));
    assert!((heights.step_um.0 - 2.0).abs() < 1e-6 && (heights.step_um.1 - 2.0).abs() < 1e-6);
    assert!(heights.z.iter().all(|z| z.is_finite()));
}
