//! Recipes: their text, chopped into lines when they are first needed (manual, "Recipe Syntax"). Knows nothing of processes.

use crate::base::diagnostic::Place;
use crate::os::words::is_blank;
use std::ops::{Index, IndexMut};
use std::rc::Rc;

/// Position of a recipe in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecipeId(u32);

/// The line runs even under `-n`, `-t` and `-q` (`+`, `$(MAKE)`).
pub const RECURSE: u8 = 1;
/// The line is not shown (`@`).
pub const SILENT: u8 = 2;
/// The line's failure is ignored (`-`).
pub const NO_ERROR: u8 = 4;

/// A recipe.
pub struct Recipe {
    /// The lines, joined by newlines.
    pub text: Rc<[u8]>,
    /// Where its first line stands; none for built-in rules.
    pub place: Option<Place>,
    /// The character that its lines began with.
    pub prefix: u8,
    /// The lines, continuations inside, not expanded; once they were needed.
    pub lines: Option<Rc<[Rc<[u8]>]>>,
    /// `RECURSE`, `SILENT`, `NO_ERROR` of each line.
    pub flags: Vec<u8>,
    /// Whether any line runs under `-n`.
    pub any_recurse: bool,
    /// Which line was begun last, from 0, by whatever target; 0 again once one has run through.
    pub last_line: u32,
}

/// All recipes of a run.
#[derive(Default)]
pub struct Recipes {
    all: Vec<Recipe>,
}

impl Index<RecipeId> for Recipes {
    type Output = Recipe;

    fn index(&self, id: RecipeId) -> &Recipe {
        &self.all[id.0 as usize]
    }
}

impl IndexMut<RecipeId> for Recipes {
    fn index_mut(&mut self, id: RecipeId) -> &mut Recipe {
        &mut self.all[id.0 as usize]
    }
}

/// More lines than this are an error, as in GNU make.
pub const MOST_LINES: usize = u16::MAX as usize;

impl Recipes {
    /// Adds a recipe.
    pub fn add(&mut self, text: &[u8], place: Option<Place>, prefix: u8) -> RecipeId {
        self.all.push(Recipe {
            text: text.into(),
            place,
            prefix,
            lines: None,
            flags: Vec::new(),
            any_recurse: false,
            last_line: 0,
        });
        RecipeId(self.all.len() as u32 - 1)
    }

    /// The lines of recipe `id`, chopped now where they were not yet; false where there are too many.
    pub fn chop(&mut self, id: RecipeId, one_shell: bool) -> Result<Rc<[Rc<[u8]>]>, usize> {
        let recipe = &mut self[id];
        if let Some(lines) = &recipe.lines {
            return Ok(Rc::clone(lines));
        }
        let text = &recipe.text;
        let mut lines: Vec<Rc<[u8]>> = Vec::new();
        if one_shell {
            lines.push(text.strip_suffix(b"\n").unwrap_or(text).into());
        } else {
            let mut start = 0;
            while start < text.len() {
                let end = line_end(text, start);
                if lines.len() == MOST_LINES {
                    return Err(MOST_LINES);
                }
                lines.push(text[start..end].into());
                start = end + 1;
            }
        }
        recipe.flags = lines.iter().map(|line| line_flags(line)).collect();
        recipe.any_recurse = recipe.flags.iter().any(|flags| flags & RECURSE != 0);
        let lines: Rc<[Rc<[u8]>]> = lines.into();
        recipe.lines = Some(Rc::clone(&lines));
        Ok(lines)
    }
}

/// The end of the line at `start`: its first newline that no backslash quotes.
pub fn line_end(text: &[u8], start: usize) -> usize {
    let mut from = start;
    while let Some(length) = memchr::memchr(b'\n', &text[from..]) {
        let newline = from + length;
        let backslashes = text[start..newline].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if backslashes % 2 == 0 {
            return newline;
        }
        from = newline + 1;
    }
    text.len()
}

fn line_flags(text: &[u8]) -> u8 {
    let mut flags = 0;
    for &byte in text {
        match byte {
            b'+' => flags |= RECURSE,
            b'@' => flags |= SILENT,
            b'-' => flags |= NO_ERROR,
            byte if is_blank(byte) => {}
            _ => break,
        }
    }
    let names_make = |text: &[u8]| {
        memchr::memmem::find(text, b"$(MAKE)").is_some() || memchr::memmem::find(text, b"${MAKE}").is_some()
    };
    if flags & RECURSE == 0 && names_make(text) {
        flags |= RECURSE;
    }
    flags
}
