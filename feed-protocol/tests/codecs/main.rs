//! The codecs as a server and a consumer use them.

mod atom_foreign;
mod atom_foreign_cases;
mod atom_hostile;
mod atom_other_reader;
mod atom_posted;
mod atom_round_trip;
mod cloudevents_reading;
mod cloudevents_round_trip;
mod cloudevents_selecting;
mod events;
mod golden;
