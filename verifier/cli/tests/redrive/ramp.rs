//! ramp
