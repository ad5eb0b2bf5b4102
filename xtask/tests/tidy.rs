//! The tree keeps its shape: runs with every `cargo test`.

use zabra_xtask::source::Tree;
use zabra_xtask::{edges, layers, sizes, words};

fn clean(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}

#[test]
fn packages_depend_one_way_only_and_the_core_on_little() {
    clean(edges::check(&Tree::of_workspace()));
}

#[test]
fn modules_of_the_core_import_only_what_stands_before_them() {
    clean(layers::check(&Tree::of_workspace()));
}

#[test]
fn files_and_functions_do_not_grow_beyond_the_ratchet() {
    clean(sizes::check(&Tree::of_workspace()));
}

#[test]
fn names_say_something_and_nothing_is_left_undone() {
    clean(words::check(&Tree::of_workspace()));
}
