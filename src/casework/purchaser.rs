//! Purchaser data, behind a second authority: rows that only the holder of a key file can read, and a log
//! of their own. Nothing else in the program touches them.
//!
//! Each row is sealed with XChaCha20-Poly1305 under a random nonce; the firearm and the day of sale, by
//! which it is found, are part of what the seal vouches for, so that no row can be moved to another
//! firearm. A registry takes the first key it is shown and refuses all others.

use super::entry::is_day;
use super::log::{self, Actor, Event, Log};
use super::store::{Database, Value};
use crate::batch::lines::{by_semicolons, lines_more, rows};
use crate::error::Fatal;
use crate::pipeline::photo::hex;
use chacha20poly1305::aead::{Aead, Generate, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Bytes of a nonce, which stand before what is sealed.
const NONCE: usize = 24;
/// What a registry seals to know its key again.
const CHECK: &[u8] = b"purchaser data of this registry";

/// What is known about a purchaser: the columns of the file, by name.
pub type Data = BTreeMap<String, String>;

/// A firearm's sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Maker of the firearm.
    pub make: String,
    /// Its serial number.
    pub serial: String,
    /// Day of the sale; may be empty.
    pub sale_date: String,
    /// Who bought it.
    pub data: Data,
}

impl Sale {
    /// What the seal vouches for beside the data.
    fn place(&self) -> String {
        [&self.make, &self.serial, &self.sale_date].map(String::as_str).join("\u{1f}")
    }
}

/// Makes a key file that nobody else can read.
///
/// # Errors
/// [`Fatal`] where the file is there already or cannot be written.
pub fn new_key(path: &Path) -> Result<(), Fatal> {
    let unwritable = |e: &dyn std::fmt::Display| {
        Fatal::new(
            format!("cannot make the key {}: {e}", path.display()),
            "a file that is not there yet, in a folder that is yours",
        )
    };
    let key = Key::try_generate().map_err(|e| unwritable(&e))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|e| unwritable(&e))?;
    file.write_all(format!("{}\n", hex(&key)).as_bytes()).map_err(|e| unwritable(&e))
}

/// The key of a file.
fn read_key(path: &Path) -> Result<XChaCha20Poly1305, Fatal> {
    let hint = "--key with the file that `microstamp registry purchaser new-key` made";
    let text = std::fs::read_to_string(path)
        .map_err(|e| Fatal::new(format!("cannot read the key {}: {e}", path.display()), hint))?;
    let text = text.trim();
    let bytes: Option<Vec<u8>> = (text.len() == 64 && text.is_ascii())
        .then(|| (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()).collect())
        .flatten();
    bytes
        .and_then(|bytes| XChaCha20Poly1305::new_from_slice(&bytes).ok())
        .ok_or_else(|| Fatal::new(format!("{} is no key", path.display()), hint))
}

/// A registry's purchaser data, opened with a key.
pub struct Vault<'a> {
    database: &'a mut dyn Database,
    cipher: XChaCha20Poly1305,
    /// Whether the registry has no key yet: nothing is sealed in it.
    unclaimed: bool,
}

impl<'a> Vault<'a> {
    /// Opens the purchaser data of a registry. The key of the first import becomes the registry's; a question asked
    /// before it leaves no trace but its line in the log.
    ///
    /// # Errors
    /// [`Fatal`] where the file is no key, or not that of this registry; the attempt is logged.
    pub fn open(database: &'a mut dyn Database, key: &Path, actor: &Actor) -> Result<Self, Fatal> {
        let cipher = read_key(key)?;
        let mut sealed = None;
        database.query("SELECT purchaser_check FROM about", &[], &mut |row| {
            if let Value::Bytes(bytes) = &row[0] {
                sealed = Some(bytes.clone());
            }
            Ok(())
        })?;
        if sealed.as_ref().is_some_and(|sealed| unseal(&cipher, sealed, b"").as_deref() != Some(CHECK)) {
            let event = Event { verb: "refused", asked: "a key of another registry".into(), came_back: 0 };
            log::append_alone(database, Log::Purchaser, actor, &[event])?;
            return Err(Fatal::new(
                format!("{} is not the key to the purchaser data of this registry", key.display()),
                "--key with the registry's own key file",
            ));
        }
        Ok(Self { database, cipher, unclaimed: sealed.is_none() })
    }

    /// Seals sales into the registry: all of them or none.
    ///
    /// # Errors
    /// [`Fatal`] where a firearm has other data for that day already and `replace` is not given, or the
    /// store refuses; then nothing was changed.
    pub fn import(
        &mut self,
        sales: &[Sale],
        replace: bool,
        actor: &Actor,
        file: &str,
    ) -> Result<(u64, u64), Fatal> {
        self.database.begin()?;
        let put = self.put(sales, replace, actor, file).and_then(|counts| {
            self.database.commit()?;
            Ok(counts)
        });
        match put {
            Ok(_) => self.unclaimed = false,
            Err(_) => self.database.rollback(),
        }
        put
    }

    fn put(&mut self, sales: &[Sale], replace: bool, actor: &Actor, file: &str) -> Result<(u64, u64), Fatal> {
        self.database.lock("purchaser")?;
        if self.unclaimed {
            self.claim(actor)?;
        }
        let (mut added, mut known, mut replaced) = (0, 0, 0);
        for sale in sales {
            let there = self.sales(&sale.make, &sale.serial)?;
            match there.iter().find(|s| s.sale_date == sale.sale_date) {
                Some(same) if same == sale => {
                    known += 1;
                    continue;
                }
                Some(_) if !replace => {
                    return Err(Fatal::new(
                        format!("{} {} has other purchaser data already", sale.make, sale.serial),
                        "--replace, if the new data are right; nothing was changed",
                    ));
                }
                Some(_) => replaced += 1,
                None => {}
            }
            let text = serde_json::to_vec(&sale.data).map_err(|e| Fatal::new(e.to_string(), "plain text"))?;
            let sealed = Value::Bytes(seal(&self.cipher, &text, sale.place().as_bytes())?);
            let values = [&sale.make, &sale.serial, &sale.sale_date].map(|t| Value::from(t.as_str()));
            let [make, serial, day] = values;
            self.database.execute(
                "INSERT INTO purchaser VALUES ($1, $2, $3, $4) ON CONFLICT (make, serial, sale_date) \
                 DO UPDATE SET sealed = excluded.sealed",
                &[make, serial, day, sealed],
            )?;
            added += 1;
        }
        let asked = format!("{file}{}", log::replacing(replaced));
        let event = Event { verb: "import", asked, came_back: added as i64 };
        log::append(self.database, Log::Purchaser, actor, &[event])?;
        Ok((added, known))
    }

    /// Makes the key the registry's own, which is logged.
    fn claim(&mut self, actor: &Actor) -> Result<(), Fatal> {
        let check = Value::Bytes(seal(&self.cipher, CHECK, b"")?);
        let sql = "UPDATE about SET purchaser_check = $1 WHERE purchaser_check IS NULL";
        if self.database.execute(sql, &[check])? == 0 {
            return Err(Fatal::new(
                "another import has just given this registry its key",
                "the same command once more, with --key and the registry's own key file",
            ));
        }
        let event = Event { verb: "key", asked: "the registry's key from now on".into(), came_back: 0 };
        log::append(self.database, Log::Purchaser, actor, &[event])?;
        Ok(())
    }

    /// The sales of a firearm, its make and serial spelt with any letters, capital or not; logged before they are given.
    ///
    /// # Errors
    /// [`Fatal`] where a row was tampered with, the store is gone, or the log cannot be written.
    pub fn show(&mut self, make: &str, serial: &str, actor: &Actor) -> Result<Vec<Sale>, Fatal> {
        let spelt = self.spelt(make, serial)?;
        let each = spelt.iter().map(|(make, serial)| self.sales(make, serial));
        let sales =
            each.collect::<Result<Vec<_>, _>>().map(|each| each.into_iter().flatten().collect::<Vec<_>>());
        // Who asked is noted whatever came of it.
        let came_back = sales.as_ref().map_or(0, |all| all.len() as i64);
        let event = Event { verb: "show", asked: format!("{make} {serial}"), came_back };
        log::append_alone(self.database, Log::Purchaser, actor, &[event])?;
        sales
    }

    /// Make and serial of the firearms that may be meant, as they are spelt where they are kept.
    fn spelt(&mut self, make: &str, serial: &str) -> Result<Vec<(String, String)>, Fatal> {
        let same = |asked: &str, there: &str| asked.trim().to_lowercase() == there.to_lowercase();
        let mut spelt = Vec::new();
        // Stores know capital and small letters of ASCII alone: for others all rows are looked at.
        let (condition, values) = match serial.is_ascii() {
            true => ("WHERE lower(serial) = lower($1)", vec![serial.trim().into()]),
            false => ("", Vec::new()),
        };
        let sql = format!("SELECT DISTINCT make, serial FROM purchaser {condition} ORDER BY make, serial");
        self.database.query(&sql, &values, &mut |row| {
            let (there, number) = (row[0].text(), row[1].text());
            if same(make, there) && same(serial, number) {
                spelt.push((there.to_string(), number.to_string()));
            }
            Ok(())
        })?;
        Ok(spelt)
    }

    fn sales(&mut self, make: &str, serial: &str) -> Result<Vec<Sale>, Fatal> {
        let mut sales = Vec::new();
        let sql =
            "SELECT sale_date, sealed FROM purchaser WHERE make = $1 AND serial = $2 ORDER BY sale_date";
        let cipher = &self.cipher;
        self.database.query(sql, &[make.into(), serial.into()], &mut |row| {
            let mut sale = Sale {
                make: make.into(),
                serial: serial.into(),
                sale_date: row[0].text().into(),
                data: Data::new(),
            };
            let Value::Bytes(sealed) = &row[1] else { return Ok(()) };
            sale.data = unseal(cipher, sealed, sale.place().as_bytes())
                .and_then(|text| serde_json::from_slice(&text).ok())
                .ok_or_else(|| {
                    Fatal::new(
                        format!("the purchaser data of {make} {serial} are damaged or were tampered with"),
                        "a backup of the registry",
                    )
                })?;
            sales.push(sale);
            Ok(())
        })?;
        Ok(sales)
    }
}

fn seal(cipher: &XChaCha20Poly1305, text: &[u8], place: &[u8]) -> Result<Vec<u8>, Fatal> {
    let failed = |e: &dyn std::fmt::Display| {
        Fatal::new(format!("cannot seal purchaser data: {e}"), "a system with a source of random numbers")
    };
    let nonce = XNonce::try_generate().map_err(|e| failed(&e))?;
    let sealed = cipher.encrypt(&nonce, Payload { msg: text, aad: place }).map_err(|e| failed(&e))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn unseal(cipher: &XChaCha20Poly1305, sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
    let nonce = XNonce::try_from(nonce).ok()?;
    cipher.decrypt(&nonce, Payload { msg: sealed, aad: place }).ok()
}

/// Sales of a CSV file: columns `make` and `serial`, `sale_date` where known; all others are sealed.
///
/// # Errors
/// [`Fatal`] where it cannot be read, a row names no firearm, or two rows say different things of one sale.
pub fn read_file(path: &Path) -> Result<Vec<Sale>, Fatal> {
    let hint = "a CSV file with the columns make, serial, sale_date, and any others";
    let wrong = |why: String| Fatal::new(format!("{}: {why}", path.display()), hint);
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|e| wrong(e.to_string()))?;
    let names = reader.headers().map_err(|e| wrong(e.to_string()))?.clone();
    let mut seen = std::collections::BTreeSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
        return Err(wrong(format!("two columns are called `{name}`")));
    }
    if let Some(name) = ["make", "serial"].into_iter().find(|name| !seen.contains(name)) {
        return Err(wrong(format!("there is no column `{name}`{}", by_semicolons(&names))));
    }
    let mut sales: Vec<Sale> = Vec::new();
    // Where each sale stands first, and its line: of two that differ, the registry would keep one, and nobody would know which.
    let mut firsts: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for row in rows(reader) {
        let (line, row) = row.map_err(|e| wrong(e.to_string()))?;
        // What another has bought would be sealed with this one's purchase, and shown with it.
        if lines_more(&row) > 0 {
            return Err(wrong(format!("row {line} goes on to other lines, from a quotation mark on")));
        }
        let mut data: Data = row.deserialize(Some(&names)).map_err(|e| wrong(format!("row {line}: {e}")))?;
        let mut take = |name: &str| data.remove(name).unwrap_or_default();
        let (make, serial, sale_date) = (take("make"), take("serial"), take("sale_date"));
        if make.is_empty() || serial.is_empty() {
            return Err(wrong(format!("row {line} names no firearm: make or serial is empty")));
        }
        if !sale_date.is_empty() && !is_day(&sale_date) {
            return Err(wrong(format!("row {line}: sale_date `{sale_date}` is no day such as 2024-05-31")));
        }
        let sale = Sale { make, serial, sale_date, data };
        let (first, first_line) = *firsts.entry(sale.place()).or_insert((sales.len(), line));
        if sales.get(first).is_some_and(|other| *other != sale) {
            return Err(wrong(format!(
                "rows {first_line} and {line} say different things of one sale, {} {} {}",
                sale.make, sale.serial, sale.sale_date
            )));
        }
        sales.push(sale);
    }
    Ok(sales)
}
