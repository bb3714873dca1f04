//! Slabs that were long give their memory back, when they are short again.

use slab::Slab;

/// Room that stays: a slab that is no longer than this is left alone.
const KEEP: usize = 64;

/// An entry has left. When no more than a quarter of the room is taken, gives back what is behind the last entry: the others cannot move. That
/// takes time by the slab's capacity, so it is tried only each time that half as many are left.
pub(crate) fn slab<T>(slab: &mut Slab<T>) {
    let (length, capacity) = (slab.len(), slab.capacity());
    let is_roomy = capacity > KEEP && length <= capacity / 4;
    if is_roomy && (length == 0 || length.is_power_of_two()) {
        slab.shrink_to_fit();
    }
}
