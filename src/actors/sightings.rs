//! Which devices are connected, and when each was last let in. Soft: since the gateway started.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use imbl::OrdMap;

use crate::domain::{ids::DeviceId, time::UnixMillis};

/// Shared by every thread; held for one look or one change at a time.
#[derive(Debug, Default)]
pub struct Sightings {
    connections: AtomicUsize,
    devices: Mutex<OrdMap<DeviceId, Sighting>>,
}

#[derive(Debug, Clone, Copy)]
struct Sighting {
    connections: usize,
    last_seen: UnixMillis,
}

impl Sightings {
    /// A client was let in.
    pub fn enter(&self, device: Option<DeviceId>, now: UnixMillis) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let Some(device) = device else { return };
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let before = devices.get(&device).map_or(0, |seen| seen.connections);
        devices.insert(device, Sighting { connections: before + 1, last_seen: now });
    }

    /// Such a client went away.
    pub fn leave(&self, device: Option<DeviceId>) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
        let Some(device) = device else { return };
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = devices.get_mut(&device) {
            seen.connections -= 1;
        }
    }

    /// How many clients are connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// How often a device is connected now, and when it was last let in.
    pub fn of(&self, device: DeviceId) -> Option<(usize, UnixMillis)> {
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        devices.get(&device).map(|seen| (seen.connections, seen.last_seen))
    }
}
