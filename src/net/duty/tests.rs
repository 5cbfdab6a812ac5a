use super::super::alarm::Alarms;
use super::*;
use crate::service::Workers;
use crate::sockets::{Endpoint, ListenOptions, Sockets};
use std::net::{SocketAddr, TcpStream};
use tokio::time::timeout;

/// Bounds a hang.
const LIMIT: Duration = Duration::from_secs(60);

struct OnDuty {
    duty: Duty,
    sockets: Sockets,
    permits: Permits,
    rests: Arc<Alarm>,
}

impl OnDuty {
    fn begin() -> Self {
        let sockets = Sockets::new();
        let endpoint = Endpoint::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let lent = sockets.open(&"test".parse().unwrap(), &endpoint, &ListenOptions::default());
        let duty = Duty::begin(Arc::new(Listener::new(lent.unwrap().unwrap(), 0))).unwrap();
        let permits = Permits::new(None, sockets.descriptors().clone(), 1);
        let rests = Alarms::of(&Workers::current(), 0).unwrap().rests;
        Self { duty, sockets, permits, rests }
    }

    fn client(&self) -> TcpStream {
        TcpStream::connect(self.sockets.list()[0].endpoint.address().unwrap()).unwrap()
    }

    /// Whether the loop waits for a client.
    async fn waits(&self) -> bool {
        let next = self.duty.next(&self.rests, &self.permits);
        timeout(Duration::from_millis(20), next).await.is_err()
    }

    /// Whether the next batch begins because a client is known to be waiting.
    async fn is_woken_by_a_client(&self) -> bool {
        let next = self.duty.next(&self.rests, &self.permits);
        timeout(LIMIT, next).await.expect("there is no next batch").unwrap().is_some()
    }
}

#[tokio::test]
async fn a_loop_waits_for_a_client_after_a_few_and_rests_after_more() {
    let mut on_duty = OnDuty::begin();
    assert!(on_duty.waits().await);
    on_duty.duty.batch_ended(BUSY - 1, Batch::Emptied).unwrap();
    assert!(on_duty.waits().await);
    for _ in 0..3 {
        on_duty.duty.batch_ended(BUSY, Batch::Emptied).unwrap();
        assert!(!on_duty.is_woken_by_a_client().await, "it has not rested");
    }
}

#[tokio::test]
async fn a_client_that_came_during_a_rest_wakes_a_loop_that_waits_again() {
    for batch in [Batch::Emptied, Batch::NoRoom] {
        let mut on_duty = OnDuty::begin();
        on_duty.duty.batch_ended(BUSY, Batch::Emptied).unwrap();
        let _client = on_duty.client();
        on_duty.duty.batch_ended(0, batch).unwrap();
        assert!(on_duty.is_woken_by_a_client().await);
    }
}

#[tokio::test]
async fn a_batch_that_was_full_is_followed_by_another_one_at_once() {
    let mut on_duty = OnDuty::begin();
    let _client = on_duty.client();
    assert!(on_duty.is_woken_by_a_client().await);
    on_duty.duty.batch_ended(BUSY, Batch::Full).unwrap();
    assert!(on_duty.is_woken_by_a_client().await);
}

#[tokio::test]
async fn help_is_needed_after_several_full_batches_in_a_row() {
    let mut duty = OnDuty::begin().duty;
    let mut needs_help_after = |batch| {
        duty.batch_ended(0, batch).unwrap();
        duty.needs_help()
    };
    for _ in 0..2 {
        for _ in 1..MAX_FULL_BATCHES {
            assert!(!needs_help_after(Batch::Full));
        }
        assert!(needs_help_after(Batch::Full));
    }
    for _ in 0..MAX_FULL_BATCHES {
        assert!(!needs_help_after(Batch::Full) && !needs_help_after(Batch::Emptied));
    }
}

#[tokio::test]
async fn a_worker_is_idle_after_several_batches_in_a_row_that_were_not_full() {
    let mut duty = OnDuty::begin().duty;
    let mut is_idle_after = |batch| {
        duty.batch_ended(0, batch).unwrap();
        duty.is_idle()
    };
    for last in [Batch::Full, Batch::Emptied] {
        assert!(!is_idle_after(Batch::Full));
        for _ in 0..MAX_IDLE_BATCHES {
            assert!(!is_idle_after(Batch::Emptied) && !is_idle_after(Batch::NoRoom));
        }
        assert_eq!(is_idle_after(last), matches!(last, Batch::Emptied));
    }
}
