//! The modules of our packages: which of the CLI may use which, and that none use each other round.
//!
//! Tests are left out: they may reach further than what they test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Meta, UseTree, Visibility};

use crate::failure::Failure;
use crate::project::Project;

/// The arrows between the CLI's modules: what is shared comes first, and each capability may use what stands before it.
const CLI: [(&str, &[&str]); 14] = [
    ("shell", &[]),
    ("report", &["shell"]),
    ("config", &["shell", "report"]),
    ("local", &["shell", "report"]),
    ("resources", &["shell", "config"]),
    ("check", &["shell", "report", "config", "local", "resources"]),
    ("init", &["shell", "report", "local", "resources", "check"]),
    ("dlq", &["shell", "report", "config", "resources"]),
    ("redrive", &["shell", "report", "config", "resources", "dlq"]),
    ("chaos", &["shell", "report", "config", "local", "resources", "check", "dlq", "redrive"]),
    ("iam", &["shell", "report", "config", "resources", "check"]),
    ("manual", &["shell", "report"]),
    // The command line is made of those of the capabilities.
    ("args", &["config", "local", "check", "init", "dlq", "redrive", "chaos", "iam", "manual"]),
    (
        "",
        &[
            "args", "config", "local", "check", "init", "dlq", "redrive", "chaos", "iam", "manual",
            "shell",
        ],
    ),
];

/// Circles that are left, each by the files that it may run through.
const CIRCLES: [Circle; 6] = [
    Circle {
        package: "model",
        within: &["sqs"],
        why: "a queue's messages, its groups and its receipts are parts of one state, a file each",
    },
    Circle {
        package: "core",
        within: &["account"],
        why: "what is asked of an account is a file each, and an account is made by asking it",
    },
    Circle {
        package: "chaos",
        within: &["simulator"],
        why: "the simulated stack is one type, with a file for each part of it",
    },
    Circle {
        package: "emulator",
        within: &["template"],
        why: "a template's names are evaluated with it, and its evaluation needs its names",
    },
    Circle {
        package: "cli",
        within: &["chaos::live"],
        why: "an experiment on a live stack is one type, with a file for each part of its course",
    },
    Circle {
        package: "cli",
        within: &["check::run"],
        why: "a run is one type, with a file for each part of its course",
    },
];

/// Files of a package that may use each other.
struct Circle {
    package: &'static str,
    /// The files' modules, or what they begin with.
    within: &'static [&'static str],
    /// Why it is left.
    #[expect(dead_code, reason = "it is for the reader of the list")]
    why: &'static str,
}

/// A module's name below its package's root, such as `chaos::live`.
type Name = Vec<String>;

/// A module in a file of its own.
#[derive(Debug, Default)]
struct Module {
    /// What it names of its own package.
    uses: BTreeSet<Name>,
    /// What it makes known under a name of its own.
    exports: BTreeMap<String, Name>,
}

/// The modules of a package.
#[derive(Debug, Default)]
struct Modules(BTreeMap<Name, Module>);

/// Every rule that is broken, each in a line.
pub(crate) fn violations(project: &Project) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for package in
        ["model", "core", "script", "chaos", "simulator", "aws", "emulator", "conformance", "cli"]
    {
        let modules = Modules::read(&project.root.join("verifier").join(package).join("src"))?;
        found.extend(modules.circles(package));
        found.extend(modules.rooms(package));
        if package == "cli" {
            found.extend(modules.arrows());
        }
    }
    found.extend(Modules::read(&project.root.join("xtask/src"))?.circles("xtask"));
    Ok(found)
}

impl Modules {
    fn read(folder: &Path) -> Result<Self, Failure> {
        let mut sources = Vec::new();
        collect(folder, &mut sources)?;
        let mut texts = Vec::new();
        for path in sources {
            let text = fs::read_to_string(&path).map_err(|error| {
                Failure::new(format!("{} cannot be read: {error}", path.display()))
            })?;
            texts.push((name_of(path.strip_prefix(folder).unwrap_or(&path)), text));
        }
        Self::parse(&texts)
    }

    fn parse(texts: &[(Name, String)]) -> Result<Self, Failure> {
        let names: BTreeSet<Name> = texts.iter().map(|(name, _)| name.clone()).collect();
        let mut modules = BTreeMap::new();
        for (name, text) in texts {
            let file = syn::parse_file(text).map_err(|error| {
                Failure::new(format!("{} is no Rust: {error}", name.join("::")))
            })?;
            let mut reader = Reader { name, names: &names, module: Module::default() };
            reader.visit_file(&file);
            modules.insert(name.clone(), reader.module);
        }
        Ok(Self(modules))
    }

    /// Which modules each uses, where what is made known elsewhere is of where it is made.
    fn edges(&self) -> BTreeMap<&Name, BTreeSet<&Name>> {
        let of = |(name, module): (&'_ Name, &Module)| -> BTreeSet<&Name> {
            let used = module.uses.iter().filter_map(|path| self.home(path, &mut BTreeSet::new()));
            used.filter(|used| *used != name).collect()
        };
        self.0.iter().map(|(name, module)| (name, of((name, module)))).collect()
    }

    /// The module that has what a path names.
    fn home(&self, path: &[String], seen: &mut BTreeSet<Name>) -> Option<&Name> {
        let length = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        let (name, module) = self.0.get_key_value(&path[..length])?;
        let Some(exported) = path.get(length).and_then(|item| module.exports.get(item)) else {
            return Some(name);
        };
        let rest = [exported, &path[length + 1..]].concat();
        if seen.insert(rest.clone()) { self.home(&rest, seen) } else { Some(name) }
    }

    /// The circles that no entry of [`CIRCLES`] allows.
    fn circles(&self, package: &str) -> Vec<String> {
        let edges = self.edges();
        let mut found = Vec::new();
        for circle in circles(&edges) {
            let is_allowed = CIRCLES.iter().any(|allowed| {
                let within = |name: &Name| {
                    let name = name.join("::");
                    allowed.within.iter().any(|each| {
                        name.strip_prefix(each)
                            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                    })
                };
                allowed.package == package && circle.iter().all(|name| within(name))
            });
            if !is_allowed {
                let names: Vec<String> = circle.iter().map(|name| name.join("::")).collect();
                found.push(format!("{package}: {} use each other round", names.join(", ")));
            }
        }
        found
    }

    /// The circles between what is at the top of a package, where [`CIRCLES`] does not allow them.
    fn rooms(&self, package: &str) -> Vec<String> {
        let top = |name: &Name| name.first().cloned().unwrap_or_default();
        let mut rooms = BTreeMap::<String, Module>::new();
        for (from, used) in self.edges() {
            let room = rooms.entry(top(from)).or_default();
            room.uses
                .extend(used.into_iter().map(top).filter(|to| *to != top(from)).map(|to| vec![to]));
        }
        let named = rooms.into_iter().map(|(name, module)| (vec![name], module));
        Self(named.collect()).circles(package)
    }

    /// The arrows of the CLI that [`CLI`] does not have.
    fn arrows(&self) -> Vec<String> {
        let top = |name: &Name| name.first().cloned().unwrap_or_default();
        let mut found = BTreeSet::new();
        for (from, used) in self.edges() {
            let Some((_, allowed)) = CLI.iter().find(|(name, _)| *name == top(from)) else {
                found.insert(format!(
                    "the CLI's module {} has no place; give it one in CLI",
                    top(from)
                ));
                continue;
            };
            for to in used.into_iter().filter(|to| top(to) != top(from)) {
                if !allowed.contains(&top(to).as_str()) {
                    found.insert(format!(
                        "the CLI's {} may not use {}",
                        from.join("::"),
                        to.join("::")
                    ));
                }
            }
        }
        found.into_iter().collect()
    }
}

/// The sources below a folder.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("{} cannot be read: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file is a module of tests.
fn is_test(path: &Path) -> bool {
    const TESTS: [&str; 5] = ["tests", "hostile", "sample", "script", "stand"];
    path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| TESTS.contains(&stem))
}

/// The name of a file's module.
fn name_of(path: &Path) -> Name {
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    let mut name: Name = parts.collect();
    if name.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        name.pop();
    }
    name
}

/// Reads what a file's module uses.
struct Reader<'a> {
    name: &'a Name,
    names: &'a BTreeSet<Name>,
    module: Module,
}

impl Reader<'_> {
    /// A path from the package's root; `None` for one of another package.
    fn absolute(&self, path: &[String]) -> Option<Name> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([self.name, rest].concat()),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let above = self.name.len().checked_sub(up)?;
                Some([&self.name[..above], &path[up..]].concat())
            }
            _ => {
                let inner = [self.name, std::slice::from_ref(first)].concat();
                self.names.contains(&inner).then(|| [self.name, path].concat())
            }
        }
    }

    fn take(&mut self, tree: &UseTree, before: &[String], is_export: bool) {
        let mut add = |path: Vec<String>, name: Option<String>| {
            let Some(path) = self.absolute(&path) else { return };
            match name.filter(|_| is_export) {
                Some(name) => _ = self.module.exports.insert(name, path),
                None => _ = self.module.uses.insert(path),
            }
        };
        match tree {
            UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.take(&path.tree, &before, is_export);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take(tree, before, is_export);
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                add(before.to_vec(), before.last().cloned());
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                add([before, std::slice::from_ref(&name)].concat(), Some(name));
            }
            UseTree::Rename(renamed) => {
                let path = [before, &[renamed.ident.to_string()]].concat();
                add(path, Some(renamed.rename.to_string()));
            }
            UseTree::Glob(_) => add(before.to_vec(), None),
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.take(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        let is_long = parts.len() > 1 && matches!(parts[0].as_str(), "crate" | "super");
        if let Some(path) = self.absolute(&parts).filter(|_| is_long) {
            self.module.uses.insert(path);
        }
        visit::visit_path(self, path);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether something is there for tests alone.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

/// The groups of modules that use each other round, each in the order of its names.
fn circles<'a>(edges: &BTreeMap<&'a Name, BTreeSet<&'a Name>>) -> Vec<BTreeSet<&'a Name>> {
    let reached = |from: &'a Name| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(name) = open.pop() {
            let next = edges.get(name).into_iter().flatten().copied();
            open.extend(next.filter(|next| seen.insert(*next)));
        }
        seen
    };
    let reached: BTreeMap<&Name, BTreeSet<&Name>> =
        edges.keys().map(|name| (*name, reached(name))).collect();
    let mut found = BTreeSet::new();
    for (name, from) in &reached {
        let back = |other: &&Name| reached.get(*other).is_some_and(|there| there.contains(*name));
        let circle: BTreeSet<&Name> = from.iter().copied().filter(back).collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(texts: &[(&str, &str)]) -> Modules {
        let texts: Vec<(Name, String)> = texts
            .iter()
            .map(|(path, text)| (name_of(Path::new(path)), (*text).to_owned()))
            .collect();
        Modules::parse(&texts).unwrap()
    }

    #[test]
    fn a_circle_is_found_also_through_what_is_made_known_elsewhere() {
        let round = modules(&[
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod inner; pub use inner::Thing;"),
            ("a/inner.rs", "pub struct Thing; fn f() { crate::b::g(); }"),
            ("b.rs", "use crate::a::Thing; pub fn g() {}"),
        ]);
        assert_eq!(round.circles("x"), ["x: a::inner, b use each other round"]);
        let straight = modules(&[
            ("a/mod.rs", "mod inner; mod other; pub use inner::Thing; use other::f;"),
            ("a/inner.rs", "pub struct Thing;"),
            ("a/other.rs", "use super::Thing; pub fn f() {}"),
        ]);
        assert_eq!(straight.circles("x"), [""; 0]);
    }

    #[test]
    fn a_circle_between_rooms_is_found_although_no_files_make_one() {
        let rooms = modules(&[
            ("a/one.rs", "use crate::b::one;"),
            ("a/two.rs", ""),
            ("b/one.rs", ""),
            ("b/two.rs", "use crate::a::two;"),
        ]);
        assert_eq!(rooms.circles("x"), [""; 0]);
        assert_eq!(rooms.rooms("x"), ["x: a, b use each other round"]);
    }

    #[test]
    fn what_tests_use_does_not_count() {
        let tested = modules(&[
            ("a.rs", "#[cfg(test)] mod tests { use crate::b::B; }\n#[cfg(test)] use super::b::B;"),
            ("b.rs", "use crate::a::A;"),
        ]);
        assert_eq!(tested.circles("x"), [""; 0]);
    }

    #[test]
    fn a_new_arrow_in_the_cli_is_found() {
        let wrong = modules(&[
            ("shell/files.rs", "use crate::check::run;"),
            ("check/mod.rs", "use crate::shell::files;"),
            ("new.rs", ""),
        ]);
        assert_eq!(
            wrong.arrows(),
            [
                "the CLI's module new has no place; give it one in CLI",
                "the CLI's shell::files may not use check",
            ]
        );
        let right =
            modules(&[("check/mod.rs", "use crate::shell::files;"), ("shell/files.rs", "")]);
        assert_eq!(right.arrows(), [""; 0]);
    }
}
