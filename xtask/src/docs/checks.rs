//! A page for each check: what it asserts, why, and what the runbook says about it.

use serde::Deserialize;

use crate::failure::Failure;

/// After which page of the table of contents they come.
const BEHIND: &str = "- [Checks](checks.md)\n";

/// A page.
pub(super) struct Check {
    id: String,
    pub(super) text: String,
}

impl Check {
    /// Its path in the book.
    pub(super) fn path(&self) -> String {
        format!("checks/{}.md", self.id)
    }
}

/// What `verifier check --list --format json` says.
#[derive(Deserialize)]
struct List {
    checks: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    severity: String,
    asserts: String,
    why: String,
    fix: String,
    source: String,
}

/// The pages, in the catalogue's order.
pub(super) fn of(list: &str, runbook: &str) -> Result<Vec<Check>, Failure> {
    let list: List = serde_json::from_str(list)
        .map_err(|error| Failure::new(format!("the list of checks cannot be read: {error}")))?;
    let ids: Vec<&str> = list.checks.iter().map(|entry| entry.id.as_str()).collect();
    list.checks.iter().map(|entry| page(entry, runbook, &ids)).collect()
}

fn page(entry: &Entry, runbook: &str, ids: &[&str]) -> Result<Check, Failure> {
    let Entry { id, severity, asserts, why, fix, source } = entry;
    let heading = format!("\n### `{id}`\n");
    let section = runbook
        .split_once(&heading)
        .map(|(_, rest)| rest)
        .and_then(|rest| rest.split("\n#").next());
    let section = section
        .ok_or_else(|| Failure::new(format!("RUNBOOK.md has no section {}", heading.trim())))?;
    let section = with_links(section.trim(), ids);
    let text = format!(
        "# `{id}`\n\nIt asserts that {asserts}. The worst that it says is *{severity}*.\n\n*Why:* {why}.\n\n*Fix:* {fix}.\n\n\
         *Source:* <{source}>\n\n{section}\n"
    );
    Ok(Check { id: id.clone(), text })
}

/// A section of the runbook, outside of it: what it says of itself leads to the page of a check, or to the runbook.
fn with_links(section: &str, ids: &[&str]) -> String {
    let mut written = String::new();
    let mut parts = section.split("](#");
    written.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let anchor = part.split(')').next().unwrap_or_default();
        let check = ids.iter().find(|id| id.replace('.', "") == anchor);
        let target =
            check.map_or_else(|| format!("RUNBOOK.md#{anchor}"), |id| format!("checks/{id}.md"));
        written.push_str("](");
        written.push_str(&target);
        written.push_str(&part[anchor.len()..]);
    }
    written
}

/// The table of contents with them in it.
pub(super) fn in_the_summary(summary: &str, checks: &[Check]) -> Result<String, Failure> {
    let (before, after) = summary
        .split_once(BEHIND)
        .ok_or_else(|| Failure::new(format!("docs/SUMMARY.md has no line {}", BEHIND.trim())))?;
    let lines = checks.iter().map(|check| format!("  - [{}]({})\n", check.id, check.path()));
    Ok(format!("{before}{BEHIND}{}{after}", lines.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_the_catalogue_and_the_runbook_say() {
        let list = r#"{"checks": [{"id": "a.b", "severity": "fail", "asserts": "x holds", "why": "w", "fix": "f", "source": "https://s"}]}"#;
        let runbook = "# R\n\n### `a.b`\n\nLook at [this](#ab), [that](#else) and [those](docs/x.md).\n\n### `c.d`\n\nno\n";
        let pages = of(list, runbook).unwrap();
        let [page] = pages.as_slice() else { panic!("{}", pages.len()) };
        assert_eq!(page.path(), "checks/a.b.md");
        assert!(page.text.starts_with("# `a.b`\n\nIt asserts that x holds."), "{}", page.text);
        let links =
            "Look at [this](checks/a.b.md), [that](RUNBOOK.md#else) and [those](docs/x.md).\n";
        assert!(page.text.ends_with(links), "{}", page.text);
        assert!(of(list, "# R\n").err().unwrap().to_string().contains("no section ### `a.b`"));
        let summary = in_the_summary("- [Checks](checks.md)\n- [x](y.md)\n", &pages).unwrap();
        assert_eq!(summary, "- [Checks](checks.md)\n  - [a.b](checks/a.b.md)\n- [x](y.md)\n");
    }
}
