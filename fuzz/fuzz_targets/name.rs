//! Any text as a name: what is accepted is shown in printable ASCII, and that text is the same name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockkit::dns::name;
use sockkit::dns::name::international;
use sockkit::dns::name::query_name::QueryName;

fuzz_target!(|text: &str| {
    if let Ok(query) = text.parse::<QueryName>() {
        query.default_types();
    }
    let Ok(parsed) = name::parse(text) else { return };
    let shown = name::show(&parsed);
    assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown:?}");
    let again = name::parse(&shown).unwrap_or_else(|error| panic!("{shown:?}: {error}"));
    assert!(parsed.iter().eq(again.iter()), "{text:?}: {shown:?}");
    // IDNA has rules for whole names, such as for those in both directions of writing, so the form
    // of a name that the DNS allows may be refused; if not, it is the same name.
    if let Some(form) = international::of_name(&parsed)
        && let Ok(again) = name::parse(&form.text)
    {
        assert_eq!(name::show(&again).to_lowercase(), shown.to_lowercase(), "{form:?}");
    }
});
