//! Every file kind gives the same grey values, and hostile files give a failure.
#![allow(clippy::unwrap_used)]

use super::*;
use ::image::{DynamicImage, ImageFormat, RgbImage};
use ::tiff::encoder::{Compression, TiffEncoder, colortype};
use ::tiff::tags::Tag;
use std::io::Cursor;

fn read(bytes: Vec<u8>) -> Result<Photo, Failure> {
    load("test", "00", bytes, &Asked::default(), &PhotoSettings::default())
}

/// 5 x 3 grey ramp, row by row.
fn ramp() -> Vec<u8> {
    (0..15).map(|v| v * 17).collect()
}

fn eight(photo: &Photo) -> Vec<u8> {
    match &photo.pixels {
        Pixels::Eight(a) => {
            assert_eq!(a.dim(), (3, 5));
            a.iter().copied().collect()
        }
        Pixels::Sixteen(_) => panic!("16 bit"),
    }
}

fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn tiff<C: colortype::ColorType>(
    samples: &[C::Inner],
    tags: &[(Tag, u16)],
    compression: Compression,
) -> Vec<u8>
where
    [C::Inner]: ::tiff::encoder::TiffValue,
{
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).unwrap().with_compression(compression);
    let mut image = encoder.new_image::<C>(5, 3).unwrap();
    image.rows_per_strip(2).unwrap();
    for (tag, value) in tags {
        image.encoder().write_tag(*tag, *value).unwrap();
    }
    image.write_data(samples).unwrap();
    out.into_inner()
}

#[test]
fn png_and_bmp_grey_rgb_and_alpha_give_the_same_grey_values() {
    let luma = DynamicImage::ImageLuma8(::image::GrayImage::from_raw(5, 3, ramp()).unwrap());
    for format in [ImageFormat::Png, ImageFormat::Bmp] {
        for image in [luma.clone(), luma.to_rgb8().into(), luma.to_rgba8().into()] {
            assert_eq!(eight(&read(encode(&image, format)).unwrap()), ramp(), "{format:?}");
        }
    }
    assert_eq!(eight(&read(encode(&luma.to_luma_alpha8().into(), ImageFormat::Png)).unwrap()), ramp());
}

#[test]
fn png_of_16_bits_keeps_them() {
    let image = ::image::ImageBuffer::from_raw(2, 1, vec![0u16, 65_000]).unwrap();
    let photo = read(encode(&DynamicImage::ImageLuma16(image), ImageFormat::Png)).unwrap();
    assert_eq!(photo.pixels.dim(), (1, 2));
    assert!((photo.pixels.at(0, 1) - 65_000.0 / 65_535.0).abs() < 1e-6);
}

#[test]
fn jpeg_gives_its_luma() {
    let image = RgbImage::from_pixel(64, 48, ::image::Rgb([200, 100, 50]));
    let photo = read(encode(&image.into(), ImageFormat::Jpeg)).unwrap();
    assert_eq!(photo.pixels.dim(), (48, 64));
    let expected = f32::from(<u8 as grey::Sample>::luma(200, 100, 50)) / 255.0;
    assert!((photo.pixels.at(24, 32) - expected).abs() < 3.0 / 255.0);
    assert_eq!(photo.scale, None);
}

#[test]
fn tiff_strips_of_every_compression_give_the_same_grey_values() {
    let rgb: Vec<u8> = ramp().into_iter().flat_map(|v| [v, v, v]).collect();
    for compression in [
        Compression::Uncompressed,
        Compression::Lzw,
        Compression::Packbits,
        Compression::Deflate(Default::default()),
    ] {
        assert_eq!(eight(&read(tiff::<colortype::Gray8>(&ramp(), &[], compression)).unwrap()), ramp());
        assert_eq!(eight(&read(tiff::<colortype::RGB8>(&rgb, &[], compression)).unwrap()), ramp());
    }
    let sixteen: Vec<u16> = ramp().into_iter().map(|v| u16::from(v) * 257).collect();
    let photo = read(tiff::<colortype::Gray16>(&sixteen, &[], Compression::Lzw)).unwrap();
    assert!(matches!(&photo.pixels, Pixels::Sixteen(a) if a.iter().copied().eq(sixteen)));
}

#[test]
fn white_is_zero_is_turned_and_a_palette_is_looked_up() {
    let inverted: Vec<u8> = ramp().into_iter().map(|v| 255 - v).collect();
    let bytes = tiff::<colortype::Gray8>(&inverted, &[(Tag::PhotometricInterpretation, 0)], Compression::Lzw);
    assert_eq!(eight(&read(bytes).unwrap()), ramp());

    let map: Vec<u16> = (0..3).flat_map(|_| (0..256u16).map(|v| (255 - v) << 8)).collect();
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).unwrap();
    let mut image = encoder.new_image::<colortype::Gray8>(5, 3).unwrap();
    image.encoder().write_tag(Tag::PhotometricInterpretation, 3u16).unwrap();
    image.encoder().write_tag(Tag::ColorMap, map.as_slice()).unwrap();
    image.write_data(&inverted).unwrap();
    assert_eq!(eight(&read(out.into_inner()).unwrap()), ramp());
}

/// A TIFF written by hand, for what the encoder does not write: entries are (tag, type, values).
fn raw_tiff(big_endian: bool, entries: &[(u16, u16, Vec<u32>)], data: &[u8]) -> Vec<u8> {
    let b16 = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let b32 = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let mut out = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
    out.extend(b32(8 + data.len() as u32));
    out.extend(data);
    out.extend(b16(entries.len() as u16));
    let mut extra = Vec::new();
    let extra_at = out.len() + 12 * entries.len() + 4;
    for (tag, kind, values) in entries {
        let mut bytes: Vec<u8> = values
            .iter()
            .flat_map(|v| if *kind == 3 { b16(*v as u16).to_vec() } else { b32(*v).to_vec() })
            .collect();
        out.extend(b16(*tag));
        out.extend(b16(*kind));
        out.extend(b32(values.len() as u32));
        if bytes.len() > 4 {
            out.extend(b32((extra_at + extra.len()) as u32));
            extra.extend(bytes);
        } else {
            bytes.resize(4, 0);
            out.extend(bytes);
        }
    }
    out.extend(b32(0));
    out.extend(extra);
    out
}

#[test]
fn tiles_planes_and_big_endian_words_find_their_places() {
    // Two tiles of 16 x 16, of which the picture uses 20 x 3.
    let mut tiles = vec![0; 512];
    for i in 0..60 {
        let (y, x) = (i / 20, i % 20);
        tiles[x / 16 * 256 + y * 16 + x % 16] = i as u8;
    }
    let entries = [
        (256, 3, vec![20]),
        (257, 3, vec![3]),
        (258, 3, vec![8]),
        (262, 3, vec![1]),
        (277, 3, vec![1]),
        (322, 3, vec![16]),
        (323, 3, vec![16]),
        (324, 4, vec![8, 8 + 256]),
        (325, 4, vec![256, 256]),
    ];
    for big_endian in [false, true] {
        let photo = read(raw_tiff(big_endian, &entries, &tiles)).unwrap();
        assert!(matches!(&photo.pixels, Pixels::Eight(a) if a.iter().copied().eq(0..60)));
    }
    // Three planes of one strip each.
    let planes = ramp().repeat(3);
    let entries = [
        (256, 3, vec![5]),
        (257, 3, vec![3]),
        (258, 3, vec![8, 8, 8]),
        (259, 3, vec![1]),
        (262, 3, vec![2]),
        (277, 3, vec![3]),
        (284, 3, vec![2]),
        (273, 4, vec![8, 8 + 15, 8 + 30]),
        (279, 4, vec![15, 15, 15]),
    ];
    for big_endian in [false, true] {
        assert_eq!(eight(&read(raw_tiff(big_endian, &entries, &planes)).unwrap()), ramp());
    }
    let words: Vec<u8> = ramp().iter().flat_map(|v| [*v, *v]).collect();
    let entries = [
        (256, 3, vec![5]),
        (257, 3, vec![3]),
        (258, 3, vec![16]),
        (262, 3, vec![1]),
        (273, 4, vec![8]),
        (277, 3, vec![1]),
        (279, 4, vec![30]),
    ];
    let photo = read(raw_tiff(true, &entries, &words)).unwrap();
    assert!((photo.pixels.at(1, 2) - 7.0 / 15.0).abs() < 1e-5);
}

#[test]
fn packed_bits_are_stretched_or_looked_up() {
    let head = [(256, 3, vec![3]), (257, 3, vec![1]), (258, 3, vec![4])];
    let tail = [(273, 4, vec![8]), (277, 3, vec![1]), (279, 4, vec![2])];
    let entries = |middle: &[(u16, u16, Vec<u32>)], end: &[(u16, u16, Vec<u32>)]| {
        [&head[..], middle, &tail[..], end].concat()
    };
    let photo = read(raw_tiff(false, &entries(&[(262, 3, vec![1])], &[]), &[0x0f, 0x80])).unwrap();
    assert!(matches!(&photo.pixels, Pixels::Eight(a) if a.iter().eq(&[0, 255, 136])));
    let map: Vec<u32> = (0..3).flat_map(|_| (0..16).map(|i| (i * 10) << 8)).collect();
    let palette = entries(&[(262, 3, vec![3])], &[(320, 3, map)]);
    let photo = read(raw_tiff(true, &palette, &[0x0f, 0x80])).unwrap();
    assert!(matches!(&photo.pixels, Pixels::Eight(a) if a.iter().eq(&[0, 150, 80])));
}

#[test]
fn the_flag_goes_before_the_file_and_the_file_before_nothing() {
    let with = |x: u32, unit: u16, description: &str| {
        let mut out = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut out).unwrap();
        let mut image = encoder.new_image::<colortype::Gray8>(5, 3).unwrap();
        let density = ::tiff::encoder::Rational { n: x, d: 100 };
        image.encoder().write_tag(Tag::XResolution, density.clone()).unwrap();
        image.encoder().write_tag(Tag::YResolution, density).unwrap();
        image.encoder().write_tag(Tag::ResolutionUnit, unit).unwrap();
        image.encoder().write_tag(Tag::ImageDescription, description).unwrap();
        image.write_data(&ramp()).unwrap();
        out.into_inner()
    };
    let scale = |bytes: Vec<u8>, flag| {
        let asked = Asked { um_per_px: flag, page: None };
        let photo = load("test", "00", bytes, &asked, &PhotoSettings::default()).unwrap();
        (photo.scale.map(|s| (s.um_per_px, s.from)), photo.warnings)
    };
    let known = |um: f64, from: &str| (Some((um, from.to_string())), Vec::new());
    assert_eq!(scale(with(400_000, 3, ""), None), known(2.5, "tiff"));
    assert_eq!(scale(with(400_000, 3, ""), Some(3.0)), known(3.0, "flag"));
    assert_eq!(scale(with(50, 2, "ImageJ=1.54\nunit=micron\n"), None), known(2.0, "imagej"));
    let ome = "<OME><Image><Pixels PhysicalSizeX=\"1.5\" PhysicalSizeY=\"1.5\"/></Image></OME>";
    assert_eq!(scale(with(7200, 2, ome), None), known(1.5, "ome"));
    assert_eq!(scale(with(7200, 2, ""), None), (None, vec!["implausible_scale".into()]));
    assert_eq!(scale(with(100, 1, ""), None), (None, Vec::new()));
}

#[test]
fn a_scale_that_makes_the_primer_a_plate_is_dropped_unless_the_user_gave_it() {
    let file = encode(&DynamicImage::new_luma8(4, 4), ImageFormat::Png);
    let checked = |um_per_px: f64, from: &str, radius: f64| {
        let mut photo = read(file.clone()).unwrap();
        photo.scale = Some(Scale { um_per_px, from: from.into() });
        photo.check_scale(Some(&Ellipse::circle(0.0, 0.0, radius)));
        (photo.scale.is_some(), photo.warnings.len())
    };
    assert_eq!(checked(2.5, "tiff", 700.0), (true, 0));
    // 1200 dpi on the same photograph.
    assert_eq!(checked(21.17, "tiff", 700.0), (false, 1));
    assert_eq!(checked(21.17, "flag", 700.0), (true, 1));
    assert_eq!(checked(0.87, "x3p", 120.0), (true, 1));
    let mut photo = read(file.clone()).unwrap();
    photo.check_scale(None);
    assert!(photo.scale.is_none() && photo.warnings.is_empty());
}

#[test]
fn broken_files_fail_with_a_reason_and_a_hint() {
    let luma = DynamicImage::ImageLuma8(::image::GrayImage::from_fn(64, 64, |x, y| {
        ::image::Luma([(x * 37 + y * y * 11) as u8])
    }));
    let mut files: Vec<Vec<u8>> = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp]
        .into_iter()
        .map(|format| encode(&luma, format))
        .collect();
    files.push(tiff::<colortype::Gray8>(&ramp(), &[], Compression::Deflate(Default::default())));
    for whole in files {
        assert!(read(whole.clone()).is_ok());
        for part in [2, 20, whole.len() / 2, whole.len() - 3] {
            let failure = read(whole[..part].to_vec()).unwrap_err();
            assert_eq!(failure.stage, "load");
            assert!(!failure.reason.is_empty() && !failure.hint.is_empty());
        }
    }
    assert!(read(Vec::new()).unwrap_err().reason.contains("empty"));
    assert!(read(b"%PDF-1.7".to_vec()).unwrap_err().reason.contains("PDF"));
}

#[test]
fn names_are_not_needed_and_text_is_no_bitmap() {
    assert_eq!(Kind::of(b"BM is not what this letter to the laboratory begins with"), None);
    assert_eq!(Kind::of(b""), None);
    assert_eq!(Kind::of(b"MM\0*"), Some(Kind::Tiff));
}

/// A TIFF of grey pictures: columns, rows, NewSubfileType, grey value.
fn several(pictures: &[(u32, u32, u32, u8)]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).unwrap();
    for (w, h, kind, grey) in pictures {
        let mut image = encoder.new_image::<colortype::Gray8>(*w, *h).unwrap();
        image.encoder().write_tag(Tag::NewSubfileType, *kind).unwrap();
        image.write_data(&vec![*grey; (w * h) as usize]).unwrap();
    }
    out.into_inner()
}

#[test]
fn of_several_pictures_one_is_read_only_where_it_was_asked_for() {
    let stack = several(&[(5, 3, 1, 0), (5, 3, 0, 10), (5, 3, 0, 20), (2, 2, 0, 99), (5, 3, 0, 30)]);
    let failure = read(stack.clone()).unwrap_err();
    assert!(failure.reason.contains("3 pictures") && failure.hint.contains("--page"), "{failure}");
    let page = |page: &str| {
        let asked = Asked { um_per_px: None, page: Some(page.parse().unwrap()) };
        load("test", "00", stack.clone(), &asked, &PhotoSettings::default())
    };
    let photo = page("2").unwrap();
    assert_eq!(eight(&photo), [20; 15]);
    assert_eq!(photo.page, Some(Chosen { of: 3, asked: Page::Number(2), page: Some(2), planes: 1 }));
    assert_eq!(photo.warnings, ["several_images"]);
    // Nothing is sharp: all count alike.
    assert_eq!(eight(&page("fuse").unwrap()), [20; 15]);
    assert_eq!(page("sharpest").unwrap().page.unwrap().page, Some(1));
    assert!(page("4").unwrap_err().reason.contains("page 4"));
    // Nobody is to take the first picture for the second.
    let alone = |page: usize| {
        let asked = Asked { um_per_px: None, page: Some(Page::Number(page)) };
        load("test", "00", several(&[(5, 3, 0, 10)]), &asked, &PhotoSettings::default())
    };
    assert!(alone(1).is_ok());
    assert!(alone(2).unwrap_err().reason.contains("one picture, and page 2"));
    // A copy for the screen and a label beside the only photograph ask nothing.
    let labelled = several(&[(5, 3, 1, 0), (5, 3, 0, 10), (2, 2, 0, 99)]);
    let asked = Asked { um_per_px: None, page: Some(Page::Number(2)) };
    let failure = load("test", "00", labelled.clone(), &asked, &PhotoSettings::default()).unwrap_err();
    assert!(failure.reason.contains("page 2") && failure.hint.contains("a file of its own"), "{failure}");
    let one = read(labelled).unwrap();
    assert_eq!((eight(&one), one.page, one.warnings), (vec![10; 15], None, vec!["several_images".into()]));
}

#[test]
fn a_camera_s_raw_file_is_not_read_from_its_reduced_copy() {
    // The only directory is a copy, and says that the pictures lie in others below it.
    let reduced = [
        (254, 4, vec![1]),
        (256, 4, vec![5]),
        (257, 4, vec![3]),
        (258, 3, vec![8]),
        (262, 3, vec![1]),
        (273, 4, vec![8]),
        (277, 3, vec![1]),
        (278, 4, vec![3]),
        (279, 4, vec![15]),
        (330, 4, vec![8]),
    ];
    let failure = read(raw_tiff(false, &reduced, &ramp())).unwrap_err();
    assert!(failure.reason.contains("raw") && failure.hint.contains("TIFF"), "{failure}");
}

#[test]
fn bytes_whose_bits_stand_in_reverse_are_refused() {
    let reversed = [
        (256, 4, vec![5]),
        (257, 4, vec![3]),
        (258, 3, vec![8]),
        (262, 3, vec![1]),
        (266, 3, vec![2]),
        (273, 4, vec![8]),
        (277, 3, vec![1]),
        (278, 4, vec![3]),
        (279, 4, vec![15]),
    ];
    let failure = read(raw_tiff(false, &reversed, &ramp())).unwrap_err();
    assert!(failure.reason.contains("FillOrder"), "{failure}");
}

#[test]
fn a_size_that_hides_in_a_segment_of_another_kind_is_not_the_pictures() {
    let jpeg = encode(&DynamicImage::ImageLuma8(::image::GrayImage::new(24, 16)), ImageFormat::Jpeg);
    // A frame of 2 x 2 in what the decoder passes over as a reserved segment.
    let frame = [0xff, 0xc0, 0, 11, 8, 0, 2, 0, 2, 1, 1, 0x11, 0];
    let hidden = [&jpeg[..2], &[0xff, 0x01, 0, 15], &frame[..], &jpeg[2..]].concat();
    assert_eq!(read(hidden.clone()).unwrap().pixels.dim(), (16, 24));
    let limits = PhotoSettings { max_megapixels: 1e-4, ..PhotoSettings::default() };
    assert!(load("test", "00", hidden, &Asked::default(), &limits).is_err());
}

#[test]
fn a_jpeg_that_cannot_be_read_without_gaps_is_marked_as_damaged() {
    let grain =
        ::image::GrayImage::from_fn(160, 160, |x, y| ::image::Luma([(x * 37 + y * 91 + x * y) as u8]));
    let mut jpeg = encode(&DynamicImage::ImageLuma8(grain), ImageFormat::Jpeg);
    assert!(read(jpeg.clone()).unwrap().warnings.is_empty());
    // The same stream as the only strip of a TIFF.
    let in_tiff = |stream: &[u8]| {
        let (side, length) = (vec![160], vec![stream.len() as u32]);
        let entries = [
            (256, 4, side.clone()),
            (257, 4, side.clone()),
            (258, 3, vec![8]),
            (259, 3, vec![7]),
            (262, 3, vec![1]),
            (273, 4, vec![8]),
            (277, 3, vec![1]),
            (278, 4, side),
            (279, 4, length),
        ];
        read(raw_tiff(false, &entries, stream)).unwrap().warnings
    };
    assert!(in_tiff(&jpeg).is_empty());
    // Ended early, with an end marker all the same, and a header that states twice the rows.
    let middle = jpeg.len() / 2;
    let damaged = || vec![String::from("damaged_file")];
    let ended = [&jpeg[..middle], &[0xff, 0xd9]].concat();
    assert_eq!((in_tiff(&ended), read(ended).unwrap().warnings), (damaged(), damaged()));
    let stray = [&jpeg[..middle], &[0xff, 0xd0], &jpeg[middle..]].concat();
    assert_eq!(read(stray).unwrap().warnings, ["damaged_file"]);
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let mut taller = jpeg.clone();
    taller[frame + 5..frame + 7].copy_from_slice(&320u16.to_be_bytes());
    assert_eq!(read(taller).unwrap().warnings, ["damaged_file"]);
    // No code is made of ones alone: the decoder paints what follows.
    for pair in jpeg[middle..middle + 40].chunks_exact_mut(2) {
        pair.copy_from_slice(&[0xff, 0]);
    }
    assert_eq!((in_tiff(&jpeg), read(jpeg).unwrap().warnings), (damaged(), damaged()));
}

/// A TIFF by hand of 5 x 3 pixels: photometric interpretation, samples a pixel, more entries, the data of one strip.
fn channels(photometric: u32, samples: u32, more: &[(u16, u16, Vec<u32>)], data: &[u8]) -> Vec<u8> {
    let mut entries = vec![
        (256, 4, vec![5]),
        (257, 4, vec![3]),
        (258, 3, vec![8; samples as usize]),
        (262, 3, vec![photometric]),
        (273, 4, vec![8]),
        (277, 3, vec![samples]),
        (278, 4, vec![3]),
        (279, 4, vec![data.len() as u32]),
    ];
    entries.extend_from_slice(more);
    entries.sort_by_key(|e| e.0);
    raw_tiff(false, &entries, data)
}

#[test]
fn channels_are_read_only_where_the_file_says_what_they_are() {
    let with = |n: usize| -> Vec<u8> {
        ramp().iter().flat_map(|v| std::iter::once(*v).chain(vec![77; n - 1])).collect()
    };
    for what in [0, 2] {
        let extra = [(338, 3, vec![what])];
        assert_eq!(eight(&read(channels(1, 2, &extra, &with(2))).unwrap()), ramp());
    }
    // Lamps in turn, or whatever they are.
    for (samples, more) in [(2, vec![]), (3, vec![(338, 3, vec![0, 0])])] {
        let failure = read(channels(1, samples, &more, &with(samples as usize))).unwrap_err();
        assert!(failure.reason.contains("nothing says which"), "{failure}");
    }
    // Red, green, blue and something more.
    let rgb: Vec<u8> = ramp().iter().flat_map(|v| [*v, *v, *v, 77]).collect();
    let more = (338, 3, vec![0]);
    assert_eq!(eight(&read(channels(2, 4, std::slice::from_ref(&more), &rgb)).unwrap()), ramp());
    let failure = read(channels(2, 4, &[more, (317, 3, vec![2])], &rgb)).unwrap_err();
    assert!(failure.reason.contains("stored as differences"), "{failure}");
}

#[test]
fn a_file_whose_first_picture_is_a_small_one_is_not_read_from_it() {
    let failure = read(several(&[(2, 2, 0, 10), (5, 3, 0, 20)])).unwrap_err();
    assert!(failure.reason.contains("2 x 2") && failure.hint.contains("a file of its own"), "{failure}");
    let asked = Asked { um_per_px: None, page: Some(Page::Number(1)) };
    let first = several(&[(5, 3, 0, 10), (9, 9, 0, 20)]);
    assert_eq!(eight(&load("test", "00", first, &asked, &PhotoSettings::default()).unwrap()), [10; 15]);
    // A copy that says that it is one asks nothing.
    assert_eq!(eight(&read(several(&[(2, 2, 1, 10), (5, 3, 0, 20)])).unwrap()), [20; 15]);
}

#[test]
fn planes_of_a_camera_of_twelve_bits_are_fused_like_those_of_sixteen() {
    let plane = |sharp: u32, shift: u32| -> Vec<u16> {
        let bar = |i: u32| if i % 60 / 20 == sharp { [900, 3000][(i / 3 % 2) as usize] } else { 2000 };
        (0..60 * 40).map(|i| bar(i) << shift).collect()
    };
    let stack = |shift: u32| {
        let mut out = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut out).unwrap();
        for sharp in 0..3 {
            encoder.write_image::<colortype::Gray16>(60, 40, &plane(sharp, shift)).unwrap();
        }
        let asked = Asked { um_per_px: None, page: Some("fuse".parse().unwrap()) };
        let photo = load("test", "00", out.into_inner(), &asked, &PhotoSettings::default()).unwrap();
        match photo.pixels {
            Pixels::Sixteen(a) => a,
            Pixels::Eight(_) => panic!("8 bit"),
        }
    };
    let (twelve, sixteen) = (stack(0), stack(4));
    // Only rounding differs before the result fills its range.
    let most = twelve.iter().zip(&sixteen).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(most <= Some(2), "{most:?}");
}

#[test]
fn a_stack_that_is_cut_off_is_broken_and_not_read_in_part() {
    let mut stack = several(&[(5, 3, 0, 10), (5, 3, 0, 20), (5, 3, 0, 30)]);
    stack.truncate(stack.len() - 40);
    let asked = Asked { um_per_px: None, page: Some(Page::Fuse) };
    assert!(load("test", "00", stack, &asked, &PhotoSettings::default()).is_err());
}
