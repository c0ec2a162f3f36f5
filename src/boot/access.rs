//! Writing the access records, now and then.

use std::time::Duration;

use crate::service::Service;

/// How often access records are written: as much as a crash may lose, and one small write each.
const ACCESS_INTERVAL: Duration = Duration::from_secs(5);

/// Writes the access records every few seconds: what a crash may lose.
pub(super) async fn write(service: Service) {
    loop {
        tokio::time::sleep(ACCESS_INTERVAL).await;
        let service = service.clone();
        // A panic in there is logged as one, and the next try may be better.
        drop(tokio::task::spawn_blocking(move || service.write_access()).await);
    }
}
