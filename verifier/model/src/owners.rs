//! Whose files count on a machine that several people use.
//!
//! In a folder where everyone may put something, such as `/tmp`, what is found beside what was named may be anybody's, and to
//! run it is to give them one's account. So what was not named counts only if it is the caller's, the superuser's, or of
//! somebody whose file or folder was named: a checkout may be another user's as a whole, as in a container.
//!
//! Sources: inode(7), `path_resolution(7)`.

use std::collections::BTreeSet;

/// The id of the superuser.
const SUPERUSER: u32 = 0;
/// That users who are neither the owner nor of the group may write to it.
const WRITABLE_BY_ALL: u32 = 0o002;

/// The users whose files count, by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners(BTreeSet<u32>);

impl Owners {
    /// The caller and the superuser, and those who own what was named.
    pub fn new(caller: u32, named: impl IntoIterator<Item = u32>) -> Self {
        Self(named.into_iter().chain([caller, SUPERUSER]).collect())
    }

    /// Whether files of that user count.
    pub fn count(&self, owner: u32) -> bool {
        self.0.contains(&owner)
    }
}

/// Whether everyone may put something into a folder of that mode: then each thing in it has to be looked at by itself. What a
/// group shares is the group's: to share it is to rely on each other.
pub fn is_open(mode: u32) -> bool {
    mode & WRITABLE_BY_ALL != 0
}

/// Whether nobody but the caller and the superuser can put anything into these folders, whose owners and modes they are: a place
/// and all folders above it, in which interpreters look for modules.
pub fn are_closed(caller: u32, folders: impl IntoIterator<Item = (u32, u32)>) -> bool {
    let own = Owners::new(caller, []);
    folders.into_iter().all(|(owner, mode)| own.count(owner) && !is_open(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_that_are_the_callers_the_superusers_or_of_who_owns_what_was_named() {
        let owners = Owners::new(1001, []);
        assert!(owners.count(1001) && owners.count(0) && !owners.count(1002));
        // A template of another user's that was named, and a checkout in a container.
        assert!(Owners::new(1001, [1002]).count(1002) && Owners::new(0, [1001]).count(1001));
        assert!(!Owners::new(1001, [1002]).count(1003) && !Owners::new(0, [0]).count(1002));
    }

    #[test]
    fn a_folder_is_open_that_everyone_may_write_to_and_not_one_that_a_group_may() {
        assert!(is_open(0o41777) && is_open(0o40777) && is_open(0o40702));
        assert!(!is_open(0o40775) && !is_open(0o42770) && !is_open(0o40755));
    }

    #[test]
    fn a_place_is_closed_where_each_folder_above_it_is() {
        let (root, home, tmp) = ((0, 0o40755), (1001, 0o40775), (0, 0o41777));
        assert!(are_closed(1001, [home, root]) && are_closed(0, [root]));
        assert!(!are_closed(1001, [home, tmp, root]), "others may put modules into /tmp");
        assert!(!are_closed(1002, [home, root]), "it is another user's home");
    }
}
