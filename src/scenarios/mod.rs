//! The scenarios: drive `supervisor`, observe through `client`, judge. Blind to `node`.
