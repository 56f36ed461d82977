//! The way to stop something that runs: asked once, it finishes what it has; asked twice, it ends.

use std::sync::Arc;

use tokio::sync::watch;

/// How far a stop has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nobody asked.
    #[default]
    Running,
    /// Take nothing new, finish what is there.
    Draining,
    /// End now.
    Forced,
}

/// Shared by whoever may ask and whoever must listen; cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<Stage>>);

impl Stop {
    /// Returns a stop nobody has asked for.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Stage::Running)))
    }

    /// Asks: the first time to drain, from the second time on to end at once.
    pub fn ask(&self) {
        self.0.send_modify(|stage| {
            *stage = if *stage == Stage::Running { Stage::Draining } else { Stage::Forced };
        });
    }

    /// Asks to drain, where nobody has asked yet. For what ends by itself: only a person's second
    /// word forces.
    pub fn drain(&self) {
        self.0.send_modify(|stage| *stage = (*stage).max(Stage::Draining));
    }

    /// Returns how far it has got.
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits until `stage` is reached.
    pub async fn reached(&self, stage: Stage) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`, so this cannot end early.
        receiver.wait_for(|now| *now >= stage).await.ok();
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
