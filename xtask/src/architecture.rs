//! The instruction sets that AWS Lambda has.

/// An instruction set, by its name in AWS Lambda, in Rust and in an ELF file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Graviton, which costs less; the stack's default.
    #[default]
    Arm64,
    /// Intel and AMD.
    X86_64,
}

impl Architecture {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Arm64, Self::X86_64];

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name)
    }

    /// The one of this machine, if Lambda has it.
    pub(crate) fn of_this_machine() -> Option<Self> {
        let is_ours = |each: &Self| each.target().starts_with(std::env::consts::ARCH);
        Self::ALL.into_iter().find(is_ours)
    }

    /// Its name in Lambda and in the stack's context.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// Its target in Rust.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    /// Whether a program is for it, by the field `e_machine` of its header (`man 5 elf`).
    pub(crate) fn runs(self, program: &[u8]) -> bool {
        let machine: u16 = match self {
            Self::Arm64 => 183,
            Self::X86_64 => 62,
        };
        program.starts_with(b"\x7fELF") && program.get(18..20) == Some(&machine.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_name() {
        for architecture in Architecture::ALL {
            assert_eq!(Architecture::named(architecture.name()), Some(architecture));
        }
        assert_eq!(Architecture::named("aarch64"), None);
    }

    #[test]
    fn this_test_runs_on_this_machine_only() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let runs: Vec<_> = Architecture::ALL.into_iter().filter(|each| each.runs(&this)).collect();
        assert_eq!(runs, Vec::from_iter(Architecture::of_this_machine()));
        assert!(!Architecture::Arm64.runs(b"#!/bin/sh"));
    }
}
