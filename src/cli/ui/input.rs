//! What a key means where it is pressed. Pure.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::Mode;

/// What a person means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// The node, or the scenario, before or after this one.
    Move(Step),
    /// The node of this number.
    Pick(u64),
    /// Something to the selected node.
    Deed(Deed),
    /// All links healed.
    Heal,
    /// The list of scenarios; while one runs, its end.
    Scenarios,
    /// A steady load, or its end.
    Load,
    /// Another node's log.
    NextLog,
    /// The filter of the log.
    Filter,
    /// More partitions.
    Scroll(Step),
    /// What the keys mean.
    Help,
    /// Away.
    Quit,
    /// A character of what is being typed.
    Type(char),
    /// The last character was wrong.
    Erase,
    /// What is typed or chosen is meant.
    Accept,
    /// Back to where one was.
    Back,
    /// Stop the cluster and leave.
    Stop,
    /// Leave the cluster running, and leave.
    LetGo,
}

/// Backwards or onwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Backwards.
    Back,
    /// Onwards.
    On,
}

/// What is done to the selected node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Stop,
    /// SIGSTOP, or SIGCONT where it is paused.
    Pause,
    /// Stop and start, or start where it is down.
    Restart,
    /// Cut off from all others.
    Isolate,
}

/// What a key means in this mode; `None` where it means nothing.
pub(super) fn meaning(mode: &Mode, key: KeyEvent) -> Option<Intent> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control && key.code == KeyCode::Char('c') {
        return Some(match mode {
            Mode::Leaving => Intent::Stop,
            _ => Intent::Quit,
        });
    }
    if control || key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    match mode {
        Mode::Watching => watching(key.code),
        Mode::Filtering { .. } => filtering(key.code),
        Mode::Choosing { .. } => choosing(key.code),
        Mode::Helped => Some(Intent::Back),
        Mode::Leaving => leaving(key.code),
    }
}

fn watching(key: KeyCode) -> Option<Intent> {
    Some(match key {
        KeyCode::Up => Intent::Move(Step::Back),
        KeyCode::Down => Intent::Move(Step::On),
        KeyCode::PageUp => Intent::Scroll(Step::Back),
        KeyCode::PageDown => Intent::Scroll(Step::On),
        KeyCode::Char(letter) => return letter_of(letter),
        _ => return None,
    })
}

fn letter_of(letter: char) -> Option<Intent> {
    Some(match letter {
        '1'..='9' => Intent::Pick(u64::from(letter.to_digit(10)?)),
        'k' => Intent::Deed(Deed::Kill),
        's' => Intent::Deed(Deed::Stop),
        'p' => Intent::Deed(Deed::Pause),
        'r' => Intent::Deed(Deed::Restart),
        'i' => Intent::Deed(Deed::Isolate),
        'h' => Intent::Heal,
        'x' => Intent::Scenarios,
        'w' => Intent::Load,
        'l' => Intent::NextLog,
        '/' => Intent::Filter,
        '?' => Intent::Help,
        'q' => Intent::Quit,
        _ => return None,
    })
}

fn filtering(key: KeyCode) -> Option<Intent> {
    Some(match key {
        KeyCode::Enter => Intent::Accept,
        KeyCode::Esc => Intent::Back,
        KeyCode::Backspace => Intent::Erase,
        KeyCode::Char(letter) if !letter.is_control() => Intent::Type(letter),
        _ => return None,
    })
}

fn choosing(key: KeyCode) -> Option<Intent> {
    Some(match key {
        KeyCode::Up => Intent::Move(Step::Back),
        KeyCode::Down => Intent::Move(Step::On),
        KeyCode::Enter => Intent::Accept,
        KeyCode::Esc | KeyCode::Char('q' | 'x') => Intent::Back,
        _ => return None,
    })
}

fn leaving(key: KeyCode) -> Option<Intent> {
    Some(match key {
        KeyCode::Enter | KeyCode::Char('y' | 's') => Intent::Stop,
        KeyCode::Char('d') => Intent::LetGo,
        KeyCode::Esc | KeyCode::Char('n' | 'q') => Intent::Back,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(mode: &Mode, code: KeyCode) -> Option<Intent> {
        meaning(mode, KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn a_letter_is_a_deed_or_a_letter() {
        let k = KeyCode::Char('k');
        let filtering = Mode::Filtering {
            before: String::new(),
        };
        assert_eq!(press(&Mode::Watching, k), Some(Intent::Deed(Deed::Kill)));
        assert_eq!(press(&filtering, k), Some(Intent::Type('k')));
        assert_eq!(press(&Mode::Helped, k), Some(Intent::Back));
        assert_eq!(press(&Mode::Leaving, k), None);
        assert_eq!(press(&Mode::Choosing { at: 0 }, k), None);
    }

    #[test]
    fn nothing_is_killed_by_a_key_that_is_held_with_control_or_let_go() {
        let with = |modifiers| KeyEvent::new(KeyCode::Char('k'), modifiers);
        assert_eq!(meaning(&Mode::Watching, with(KeyModifiers::CONTROL)), None);
        assert_eq!(meaning(&Mode::Watching, with(KeyModifiers::ALT)), None);
        let mut released = with(KeyModifiers::NONE);
        released.kind = KeyEventKind::Release;
        assert_eq!(meaning(&Mode::Watching, released), None);
    }

    #[test]
    fn control_c_leaves_from_anywhere_and_insists_when_asked() {
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for mode in [Mode::Watching, Mode::Helped, Mode::Choosing { at: 0 }] {
            assert_eq!(meaning(&mode, key), Some(Intent::Quit));
        }
        assert_eq!(meaning(&Mode::Leaving, key), Some(Intent::Stop));
    }

    #[test]
    fn numbers_and_arrows_choose_nodes() {
        let five = press(&Mode::Watching, KeyCode::Char('5'));
        assert_eq!(five, Some(Intent::Pick(5)));
        let up = press(&Mode::Watching, KeyCode::Up);
        assert_eq!(up, Some(Intent::Move(Step::Back)));
        assert_eq!(press(&Mode::Watching, KeyCode::Char('0')), None);
    }
}
