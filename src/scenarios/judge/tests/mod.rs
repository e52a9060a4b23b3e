//! The judge is judged: clean histories of any shape pass, every mutation is caught, and a naive
//! checker agrees on random ones.

mod generator;
mod mutation;
mod naive;
mod spoil;
mod spoil_search;
mod verdicts;
