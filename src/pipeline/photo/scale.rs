//! Micrometres per pixel from what files state.

use super::Scale;
use crate::settings::PhotoSettings;

/// Pixels count as square if their sides differ by no more than this, as a fraction: resolutions
/// stored as whole dots an inch round by less.
const SQUARE: f64 = 0.01;

/// A scale from dots a unit in x and y; `None` for no or oblong pixels.
pub fn from_density(from: &str, x: f64, y: f64, um_per_unit: f64) -> Option<Scale> {
    (x > 0.0 && y > 0.0).then(|| from_size(from, um_per_unit / x, um_per_unit / y)).flatten()
}

/// A scale from a pixel's sides in micrometres; `None` for no or oblong pixels.
pub fn from_size(from: &str, x: f64, y: f64) -> Option<Scale> {
    let square = x.is_finite() && x > 0.0 && (y - x).abs() <= SQUARE * x;
    square.then(|| Scale { um_per_px: x, from: from.into() })
}

/// The first scale that can be believed; that of an instrument always is. Where a file states some and none can, the warning
/// `implausible_scale` is added: a program that knows no scale often writes 72, 96 or 300 dpi.
pub fn choose(stated: Vec<Scale>, settings: &PhotoSettings, warnings: &mut Vec<String>) -> Option<Scale> {
    let any = !stated.is_empty();
    let range = settings.min_um_per_px..=settings.max_um_per_px;
    let chosen = stated.into_iter().find(|s| s.from == "x3p" || range.contains(&s.um_per_px));
    if any && chosen.is_none() {
        warnings.push("implausible_scale".into());
    }
    chosen
}

/// Micrometres in a unit of length as ImageJ and OME-XML write it; `None` for pixels and unknown units.
pub fn um_per(unit: &str) -> Option<f64> {
    match unit.trim() {
        "µm" | "μm" | "um" | "\\u00B5m" | "micron" | "microns" | "micrometer" | "micrometre" => Some(1.0),
        "nm" => Some(1e-3),
        "mm" => Some(1e3),
        "cm" => Some(1e4),
        "m" => Some(1e6),
        "in" | "inch" | "inches" => Some(25_400.0),
        _ => None,
    }
}

/// The scale of OME-XML: `PhysicalSizeX` and `PhysicalSizeY` of the first `Pixels` element,
/// whose unit is the micrometre where none is named.
pub fn from_ome(xml: &str) -> Option<Scale> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    loop {
        match reader.read_event().ok()? {
            Event::Start(e) | Event::Empty(e) if e.local_name().as_ref() == "Pixels" => {
                let get = |name: &str| {
                    let attribute = e.try_get_attribute(name).ok().flatten()?;
                    Some(attribute.value.into_owned())
                };
                let side = |axis: &str| {
                    let size: f64 = get(&format!("PhysicalSize{axis}"))?.trim().parse().ok()?;
                    let unit = get(&format!("PhysicalSize{axis}Unit")).unwrap_or_else(|| "µm".into());
                    Some(size * um_per(&unit.replace("&#181;", "µ").replace("&#xB5;", "µ"))?)
                };
                let x = side("X")?;
                return from_size("ome", x, side("Y").unwrap_or(x));
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// The scale of an ImageJ description (`unit=micron` in a line of its own) together with the
/// TIFF's resolution, which then counts pixels a unit.
pub fn from_imagej(description: &str, x: f64, y: f64) -> Option<Scale> {
    let unit = description.lines().find_map(|line| line.strip_prefix("unit="))?;
    from_density("imagej", x, y, um_per(unit)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ome_units_are_converted() {
        let xml = |attributes: &str| {
            format!(
                "<?xml version=\"1.0\"?><OME><Image><Pixels ID=\"P:0\" {attributes}><Channel/></Pixels></Image></OME>"
            )
        };
        let um = |attributes: &str| from_ome(&xml(attributes)).map(|s| s.um_per_px);
        assert_eq!(um(r#"PhysicalSizeX="3.45" PhysicalSizeY="3.45""#), Some(3.45));
        assert_eq!(
            um(r#"PhysicalSizeX="0.0025" PhysicalSizeXUnit="mm" PhysicalSizeY="2.5" PhysicalSizeYUnit="µm""#),
            Some(2.5)
        );
        assert_eq!(um(r#"PhysicalSizeX="2.5" PhysicalSizeXUnit="&#181;m""#), Some(2.5));
        assert_eq!(um(r#"PhysicalSizeX="1" PhysicalSizeXUnit="pixel""#), None);
        assert_eq!(um(r#"PhysicalSizeX="1" PhysicalSizeY="2""#), None, "oblong pixels");
        assert_eq!(um(""), None);
        assert_eq!(from_ome("<OME><Pix"), None);
    }

    #[test]
    fn imagej_counts_pixels_a_unit() {
        let scale = from_imagej("ImageJ=1.54f\nunit=\\u00B5m\nloop=false\n", 0.4, 0.4).unwrap();
        assert_eq!(scale, Scale { um_per_px: 2.5, from: "imagej".into() });
        assert_eq!(from_imagej("ImageJ=1.54f\nunit=pixel\n", 1.0, 1.0), None);
        assert_eq!(from_imagej("ImageJ=1.54f\n", 0.4, 0.4), None);
    }

    #[test]
    fn printers_resolutions_are_refused_with_a_warning() {
        for dpi in [72.0, 96.0, 300.0, 600.0] {
            let mut warnings = Vec::new();
            let stated = from_density("png", dpi, dpi, 25_400.0).into_iter().collect();
            assert_eq!(choose(stated, &PhotoSettings::default(), &mut warnings), None);
            assert_eq!(warnings, ["implausible_scale"]);
        }
        let mut warnings = Vec::new();
        let stated =
            [(1.0, "ome"), (1e6, "tiff")].map(|(um_per_px, from)| Scale { um_per_px, from: from.into() });
        let chosen = choose(stated.into(), &PhotoSettings::default(), &mut warnings).unwrap();
        assert_eq!((chosen.from.as_str(), warnings.len()), ("ome", 0));
        assert_eq!(choose(Vec::new(), &PhotoSettings::default(), &mut warnings), None);
        assert!(warnings.is_empty());
    }
}
