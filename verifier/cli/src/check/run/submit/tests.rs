//! Tests of when and how many jobs are submitted.

use verifier_core::check::QueueEvidence;

use super::*;

fn course(batch_size: u32, window_seconds: u64, receives: u32) -> JobPlan {
    JobPlan {
        entrance: Entrance::Url(String::new()),
        jobs: QueueEvidence {
            attributes: [("DelaySeconds".to_owned(), "10".to_owned())].into(),
            ..QueueEvidence::default()
        },
        dead_letters: QueueEvidence::default(),
        log_group: String::new(),
        function: String::new(),
        max_receive_count: receives,
        visibility_timeout: Duration::from_mins(1),
        batch_size,
        batching_window: Duration::from_secs(window_seconds),
        first_batches: 5,
    }
}

#[test]
fn jobs_go_ahead_only_where_no_window_gathers_batches() {
    let ahead = |batch_size, window| course(batch_size, window, 3).jobs_ahead();
    assert_eq!([ahead(10, 0), ahead(5, 1), ahead(1, 0)], [5, 0, 0]);
}

#[test]
fn in_one_group_one_job_fails_and_nothing_comes_behind_it() {
    let entrance = Entrance::Queue { is_one_group: true };
    let course = JobPlan { entrance, ..course(10, 0, 3) };
    assert_eq!((course.failing_jobs(), course.first_good_jobs(), course.jobs_ahead()), (1, 2, 0));
    let good = |batch_size| {
        let entrance = Entrance::Queue { is_one_group: true };
        JobPlan { entrance, ..self::course(batch_size, 0, 3) }.good_jobs()
    };
    assert_eq!([1, 2, 3].map(good), [2, 3, 2], "the failing one is last, and begins no batch");
    assert!(returns(&course, Timestamp::default()).is_empty());
}

#[test]
fn jobs_fail_as_many_as_fit_into_a_batch_and_good_ones_fill_it() {
    let of = |batch_size| {
        let course = course(batch_size, 1, 3);
        (course.failing_jobs(), course.good_jobs())
    };
    assert_eq!([1, 2, 3, 4, 5].map(of), [(1, 2), (2, 2), (2, 2), (3, 2), (3, 3)]);
    assert_eq!([10, 11, 10_000].map(of), [(3, 8), (3, 8), (3, 8)]);
}

#[test]
fn of_two_kinds_one_comes_after_the_other_and_none_is_left_out() {
    let of =
        |first: &[u8], second: &[u8]| alternating(first.iter().copied(), second.iter().copied());
    assert_eq!(of(&[1, 2, 3], &[7, 8]), [1, 7, 2, 8, 3]);
    assert_eq!(of(&[1], &[7, 8, 9]), [1, 7, 8, 9]);
}

#[test]
fn more_jobs_fail_where_whether_they_meet_good_ones_is_luck() {
    let of = |batch_size| course(batch_size, 0, 3).failing_jobs();
    assert_eq!([1, 2, 10].map(of), [1, 4, 4]);
}

#[test]
fn good_jobs_fill_the_first_batch_so_that_one_failing_job_is_alone_where_a_window_gathers() {
    let of = |batch_size, window| {
        let course = course(batch_size, window, 3);
        (course.leaves_one_alone(), course.first_failing_jobs(), course.first_good_jobs())
    };
    assert_eq!(
        [2, 3, 5, 10].map(|size| of(size, 1)),
        [(true, 1, 1), (true, 1, 2), (true, 2, 3), (true, 2, 8)]
    );
    assert_eq!([1, 11].map(|size| of(size, 1)), [(false, 1, 2), (true, 2, 8)]);
    assert_eq!(of(5, 0), (false, 4, 2));
    // Those that do not return meet at once, or never.
    assert!(!course(5, 1, 1).leaves_one_alone());
    // One receive takes ten at most, so that a larger batch waits for its window; where that is too long, both failing ones are
    // alone at a return, if there is another one.
    let behind = |window| course(11, window, 3).behind_window().map(|time| time.as_secs());
    assert_eq!([1, 20, 21].map(behind), [Some(2), Some(21), None]);
    let left = |batch_size, window, receives| {
        let course = course(batch_size, window, receives);
        [1, 2].map(|number| course.is_left_to_failing(number))
    };
    assert_eq!(left(11, 1, 3), [false; 2]);
    assert_eq!(left(11, 29, 3), [true, false]);
    assert_eq!([left(11, 29, 2), left(10, 29, 3)], [[false; 2], [false; 2]]);
}

#[test]
fn good_jobs_are_submitted_shortly_before_the_failing_one_returns() {
    let at = |batch_size, window, receives| -> Vec<u64> {
        let returns = returns(&course(batch_size, window, receives), Timestamp::default());
        returns.into_iter().map(Timestamp::as_millis).collect()
    };
    assert_eq!(at(5, 1, 3), [60_500, 119_500]);
    assert_eq!(at(5, 0, 3), [60_000, 120_000]);
    assert_eq!(at(5, 0, 9), [60_000, 120_000, 480_000]);
    assert_eq!(at(5, 20, 9).len(), 8);
    assert_eq!(at(5, 20, 100).last(), Some(&5_940_500));
    assert_eq!(at(5, 0, 2), [60_000]);
    assert!(at(5, 1, 1).is_empty());
    assert!(at(1, 1, 3).is_empty());
}

#[test]
fn bodies_are_posted_by_themselves_between_the_jobs_and_their_return_where_batches_hold_several() {
    let at = |batch_size, window, visibility| {
        let visibility_timeout = Duration::from_secs(visibility);
        let course = JobPlan { visibility_timeout, ..course(batch_size, window, 3) };
        quiet_at(&course, Timestamp::default()).map(Timestamp::as_seconds)
    };
    assert_eq!([at(5, 1, 60), at(5, 0, 30), at(10, 20, 90)], [Some(21), Some(10), Some(40)]);
    assert_eq!([at(1, 0, 60), at(5, 1, 15), at(10, 300, 600)], [None; 3]);
}

#[test]
fn good_jobs_of_a_return_are_less_than_two_windows_apart() {
    let millis = |window| spread(&course(5, window, 3)).as_millis();
    assert_eq!([millis(0), millis(1), millis(20)], [0, 1_900, 2_000]);
    let short = JobPlan { visibility_timeout: Duration::from_secs(2), ..course(5, 1, 3) };
    assert_eq!(spread(&short).as_millis(), 1_000);
}

#[test]
fn in_batches_of_two_a_good_job_is_ahead_of_a_failing_one_and_another_behind_the_other() {
    for window in [1, 20] {
        let course = course(2, window, 3);
        let at = returns(&course, Timestamp::default())[1];
        let failing_at = Timestamp::default() + course.visibility_timeout * 2;
        let last_at = at + spread(&course);
        let longest = failing_at + course.batching_window;
        assert!(at < failing_at && failing_at < last_at && last_at < longest, "{window}");
    }
}
