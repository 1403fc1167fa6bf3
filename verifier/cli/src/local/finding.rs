//! The template of a project, where none is named.

use std::path::{Path, PathBuf};

use crate::local::assembly;
use crate::shell::failure::Failure;
use crate::shell::files;

/// Where synthesised templates lie in a project that keeps them.
const KEPT: &str = "stack/template";
/// Where CDK synthesises into.
const ASSEMBLY: &str = "cdk.out";
/// What the root of a repository has.
const REPOSITORY: &str = ".git";
/// What says that a folder is a project of CDK's.
const CDK: &str = "cdk.json";
/// Where other tools write templates, and what they are called by hand, the finished ones first.
///
/// Sources: <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/using-sam-cli-build.html>,
/// <https://www.serverless.com/framework/docs/providers/aws/cli-reference/package>.
const TEMPLATES: [&str; 6] = [
    ".aws-sam/build/template.yaml",
    ".serverless/cloudformation-template-update-stack.json",
    "template.yaml",
    "template.yml",
    "template.json",
    "template.template",
];

/// The template that is meant in a folder, and the name of its stack where that is said.
///
/// What a tool makes counts in the working directory alone. A folder that keeps its templates is looked for from there upwards, within
/// the repository, and not where another user has put it: the functions of what is found are run.
pub(crate) fn find(here: &Path, stack: Option<&str>) -> Result<(PathBuf, Option<String>), Failure> {
    let kept = here.join(KEPT);
    if kept.is_dir() {
        for folder in [kept.parent().unwrap_or(&kept), &kept] {
            check_owner(folder, here)?;
        }
        let template = only_template(&kept)?;
        check_owner(&template, here)?;
        return assembly::template(&template, stack);
    }
    let assembly = here.join(ASSEMBLY);
    if assembly.is_dir() {
        check_owner(&assembly, here)?;
        return assembly::template(&assembly, stack);
    }
    if let Some(template) =
        TEMPLATES.map(|name| here.join(name)).into_iter().find(|each| each.is_file())
    {
        for found in template.ancestors().take_while(|found| *found != here) {
            check_owner(found, here)?;
        }
        return assembly::template(&template, stack);
    }
    if let Some(folder) = kept_above(here) {
        return assembly::template(&only_template(&folder)?, stack);
    }
    let next = if here.join(CDK).is_file() {
        format!("synthesise it with `npx cdk synth`, which makes {ASSEMBLY}")
    } else {
        "go to the project's folder, or name a template with --template".to_owned()
    };
    Err(Failure {
        next: Some(next),
        ..Failure::usage(format!(
            "there is no template: no {KEPT} here or above, and here no {ASSEMBLY}, {}",
            TEMPLATES.join(", ")
        ))
    })
}

/// Fails on what another user has put into a folder that is not theirs, such as `/tmp`: functions of theirs would be run.
fn check_owner(found: &Path, here: &Path) -> Result<(), Failure> {
    if files::is_trusted(found, here) {
        return Ok(());
    }
    let shown = found.display();
    Err(Failure {
        next: Some(
            "if it is meant, name the template with --template; else run in another folder"
                .to_owned(),
        ),
        ..Failure::usage(format!(
            "{shown} is another user's, whose functions are not run unless the template is named"
        ))
    })
}

/// The nearest folder above that keeps templates.
fn kept_above(here: &Path) -> Option<PathBuf> {
    for folder in here.ancestors() {
        let kept = folder.join(KEPT);
        if kept.is_dir() {
            let is_trusted = [folder, &kept].iter().all(|found| files::is_trusted(found, here));
            return is_trusted.then_some(kept);
        }
        if folder.join(REPOSITORY).exists() {
            return None;
        }
    }
    None
}

/// The only template in a folder.
fn only_template(folder: &Path) -> Result<PathBuf, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::usage(format!("the folder {} cannot be read: {error}", folder.display()))
    })?;
    let mut templates: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".template.json"))
        .collect();
    templates.sort();
    match templates.as_slice() {
        [template] => Ok(template.clone()),
        [] => Err(Failure::usage(format!(
            "there is no template in {}; run `npm run synth` in stack, or name one with --template",
            folder.display()
        ))),
        _ => Err(Failure::usage(format!(
            "there is more than one template in {}; name one with --template",
            folder.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with these files, all of them empty but for CDK's manifest of one stack.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let manifest = r#"{"artifacts":{"Orders":{"type":"aws:cloudformation:stack","properties":{"templateFile":"o.json"}}}}"#;
            fs::write(path, manifest).unwrap();
        }
        folder
    }

    fn found(files: &[&str], below: &str) -> Option<(String, Option<String>)> {
        let folder = folder(files);
        let here = folder.path().join(below);
        fs::create_dir_all(&here).unwrap();
        let (path, stack) = find(&here, None).ok()?;
        Some((path.strip_prefix(folder.path()).unwrap().display().to_string(), stack))
    }

    #[test]
    fn each_tool_has_its_place() {
        let kept = "stack/template/S.template.json";
        let of = |path: &str| Some((path.to_owned(), None));
        assert_eq!(found(&[kept, "cdk.out/manifest.json"], ""), of(kept));
        assert_eq!(found(&[kept], "deep/down"), of(kept));
        let cdk = Some(("cdk.out/o.json".to_owned(), Some("Orders".to_owned())));
        assert_eq!(found(&["cdk.out/manifest.json", "template.yaml"], ""), cdk);
        let built = ".aws-sam/build/template.yaml";
        assert_eq!(found(&["template.yaml", built], ""), of(built));
        assert_eq!(found(&["template.yml"], ""), of("template.yml"));
    }

    #[test]
    fn the_project_of_the_working_directory_goes_first_and_that_of_another_never_counts() {
        let kept = "stack/template/S.template.json";
        let own = Some(("mine/template.yaml".to_owned(), None));
        assert_eq!(found(&[kept, "mine/template.yaml"], "mine"), own);
        assert_eq!(found(&[kept, "mine/.git"], "mine"), None);
        assert_eq!(found(&[kept, "mine/.git"], "mine/deep"), None);
        assert!(found(&[kept, ".git"], "mine/deep").is_some());
    }

    /// Only the superuser can make what is another's.
    #[test]
    fn what_another_user_has_put_into_the_working_directory_is_refused() {
        const ANOTHER: u32 = 65_534;
        if files::caller() != 0 {
            return;
        }
        for (name, whose) in [
            ("template.yaml", "template.yaml"),
            ("stack/template/S.template.json", "stack/template/S.template.json"),
            ("stack/template/S.template.json", "stack"),
            ("cdk.out/manifest.json", "cdk.out"),
            (".aws-sam/build/template.yaml", ".aws-sam"),
        ] {
            let folder = folder(&[name]);
            assert!(find(folder.path(), None).is_ok(), "{name}");
            std::os::unix::fs::chown(folder.path().join(whose), Some(ANOTHER), None).unwrap();
            let refused = find(folder.path(), None).unwrap_err();
            assert!(refused.what.contains("another user's"), "{}", refused.what);
        }
    }

    #[test]
    fn what_is_further_up_is_somebody_elses() {
        assert_eq!(found(&["template.yaml", "cdk.out/manifest.json"], "below"), None);
        let folder = folder(&["cdk.json"]);
        let failure = find(folder.path(), None).unwrap_err();
        assert!(failure.next.unwrap_or_default().contains("npx cdk synth"));
    }
}
