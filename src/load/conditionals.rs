//! Conditional directives (manual, "Conditional Parts of Makefiles"). Knows nothing of the lines they enclose.

use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::expand::expand_text;
use crate::load::Session;
use crate::os::words::{skip_space, word_length};
use crate::syntax::statement::{Conditional, comparison};

/// Whether the lines of one branch are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// They are.
    Taken,
    /// They are not; a later branch may be.
    Waiting,
    /// They are not, and no later branch will be.
    Done,
}

struct Level {
    branch: Branch,
    seen_else: bool,
    /// Whether a level around it is skipped.
    is_inside_skipped: bool,
    /// The line that opened it.
    line: Option<u32>,
}

/// The conditionals that are open at a place of a makefile.
#[derive(Default)]
pub struct Conditionals {
    levels: Vec<Level>,
    /// The branch that each level ended in when it was last closed, as far as levels have been open.
    left: Vec<Branch>,
}

impl Conditionals {
    /// Whether any is open.
    pub fn is_open(&self) -> bool {
        !self.levels.is_empty()
    }

    /// The line of the innermost that is.
    pub fn opened(&self) -> Option<u32> {
        self.levels.last()?.line
    }

    /// Whether lines are skipped here.
    pub fn skipping(&self) -> bool {
        self.levels.last().is_some_and(|level| level.is_inside_skipped || level.branch != Branch::Taken)
    }

    fn close(&mut self) -> Option<Branch> {
        let branch = self.levels.pop()?.branch;
        let at = self.levels.len();
        if self.left.len() <= at {
            self.left.resize(at + 1, Branch::Done);
        }
        self.left[at] = branch;
        Some(branch)
    }

    /// Executes a conditional directive.
    pub fn execute(
        &mut self,
        session: &mut Session,
        directive: Conditional,
        text: &[u8],
        place: Option<Place>,
    ) -> Outcome {
        let fatal = |complaint| Stop::fatal(place, complaint);
        match directive {
            Conditional::Endif => {
                if !text.is_empty() {
                    session.complain(place, &Complaint::ExtraneousText("endif"));
                }
                self.close().map(|_| ()).ok_or_else(|| fatal(Complaint::Extraneous("endif")))
            }
            Conditional::Else => {
                let Some(level) = self.levels.last_mut() else {
                    return Err(fatal(Complaint::Extraneous("else")));
                };
                if level.seen_else {
                    return Err(fatal(Complaint::SecondElse));
                }
                level.branch = match level.branch {
                    Branch::Taken => Branch::Done,
                    Branch::Waiting => Branch::Taken,
                    Branch::Done => Branch::Done,
                };
                if text.is_empty() {
                    level.seen_else = true;
                    return Ok(());
                }
                let (word, rest) = text.split_at(word_length(text));
                match Conditional::named(word) {
                    None | Some(Conditional::Else | Conditional::Endif) => {
                        session.complain(place, &Complaint::ExtraneousText("else"));
                        Ok(())
                    }
                    Some(nested) => {
                        if !self.open(session, nested, skip_space(rest), place)? {
                            // GNU make leaves the level open, in whatever state the last one there had; where there was
                            // none its memory is not set, which is hardly ever the value for a branch to be read.
                            let left = self.left.get(self.levels.len() - 1).copied();
                            if let Some(level) = self.levels.last_mut() {
                                level.branch = left.unwrap_or(Branch::Done);
                            }
                            session.complain(place, &Complaint::ExtraneousText("else"));
                            return Ok(());
                        }
                        // `else ifeq` continues this level rather than opening another.
                        if let Some(inner) = self.close()
                            && let Some(level) = self.levels.last_mut()
                            && level.branch != Branch::Done
                        {
                            level.branch = inner;
                        }
                        Ok(())
                    }
                }
            }
            _ => {
                if self.open(session, directive, text, place)? {
                    Ok(())
                } else {
                    Err(fatal(Complaint::BadConditional))
                }
            }
        }
    }

    /// Opens a level; false where the syntax is wrong.
    fn open(
        &mut self,
        session: &mut Session,
        directive: Conditional,
        text: &[u8],
        place: Option<Place>,
    ) -> Outcome<bool> {
        let is_inside_skipped = self.skipping();
        let branch = if is_inside_skipped { Branch::Waiting } else { Branch::Taken };
        let line = place.map(|place| place.line);
        self.levels.push(Level { branch, seen_else: false, is_inside_skipped, line });
        if is_inside_skipped {
            return Ok(true);
        }
        let taken = match directive {
            Conditional::Ifdef | Conditional::Ifndef => {
                let name = expand_text(session, text)?;
                let length = word_length(&name);
                if !skip_space(&name[length..]).is_empty() {
                    return Ok(false);
                }
                let defined = session
                    .context
                    .lookup_text(&name[..length])
                    .is_some_and(|id| !session.context.variables.get(id).value.is_empty());
                defined == (directive == Conditional::Ifdef)
            }
            _ => {
                let Some(found) = comparison(text) else { return Ok(false) };
                let left = expand_text(session, found.left)?;
                let Some(right) = found.right else { return Ok(false) };
                if !right.extraneous.is_empty() {
                    session.complain(place, &Complaint::ExtraneousText(directive.word()));
                }
                let right = expand_text(session, right.text)?;
                (left == right) == (directive == Conditional::Ifeq)
            }
        };
        if let Some(level) = self.levels.last_mut() {
            level.branch = if taken { Branch::Taken } else { Branch::Waiting };
        }
        Ok(true)
    }
}
