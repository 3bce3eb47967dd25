//! Handlers by the types of events.

use std::sync::Arc;

use feed_protocol::Recorded;

use super::ConsumerBuilder;
use crate::handler::pattern::{Any, AnyBatch, Pattern, Typed, TypedBatch};
use crate::handler::routes::{Route, Routes};
use crate::handler::work::InTransaction;
use crate::handler::{BatchContext, Context, HandlerError};
use crate::store::transaction::{Database, Tx};

/// Settings with one more closure that writes in the transaction in which the cursor moves.
type InTransactionOn<DB, P, F, R> = ConsumerBuilder<InTransaction<DB, Route<P, F, R>>>;

impl<R> ConsumerBuilder<R> {
    fn route<P: Pattern, F>(self, pattern: P, handle: F) -> ConsumerBuilder<Route<P, F, R>> {
        self.with_handler(|rest| Route { pattern, handle, rest })
    }
}

/// Handlers that have effects of their own: at least once.
///
/// A closure may be called again for an event that it has handled: after a crash, for as many as
/// [`window`](ConsumerBuilder::window) says, and with batches for one batch more. Events whose
/// types no closure takes are passed over, and counted in [`Progress`](crate::Progress) and
/// [`Summary`](crate::Summary).
///
/// The future of [`run`](crate::Consumer::run) is `Send`, and can be spawned, if those of the
/// closures are. They may borrow what they have captured:
///
/// ```no_run
/// # async fn example(mailer: String) -> Result<(), Box<dyn std::error::Error>> {
/// # use feed_consumer::Consumer;
/// # #[derive(serde::Deserialize)] struct OrderPlaced { email: String }
/// let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
///     .on("order.placed", async move |order: OrderPlaced, cx| {
///         println!("{mailer}: order {} of {}, attempt {}", cx.id(), order.email, cx.attempt());
///         Ok(())
///     })
///     .build()?;
/// tokio::spawn(consumer.run(std::future::pending()));
/// # Ok(())
/// # }
/// ```
impl<R: Routes<()>> ConsumerBuilder<R> {
    /// Handles events of one type, with their data as a `T`.
    ///
    /// Data that does not fit `T` is a permanent failure of its event, which names the field. An
    /// event without data is one too, unless `T` needs none, as an `Option` or `()`. Data that is
    /// not JSON is handled by [`on_any`](Self::on_any).
    #[must_use]
    pub fn on<T, F>(
        self,
        event_type: impl Into<String>,
        handle: F,
    ) -> ConsumerBuilder<Route<Typed<T>, F, R>>
    where
        Typed<T>: Pattern<Argument = T, Context = Context>,
        F: AsyncFn(T, Context) -> Result<(), HandlerError>,
    {
        self.route(Typed::new(event_type.into()), handle)
    }

    /// Handles events of all types for which there is no other closure.
    #[must_use]
    pub fn on_any<F>(self, handle: F) -> ConsumerBuilder<Route<Any, F, R>>
    where
        F: AsyncFn(Arc<Recorded>, Context) -> Result<(), HandlerError>,
    {
        self.route(Any, handle)
    }

    /// Handles events of one type that follow each other, several at once: as many as are there,
    /// up to what [`batch`](Self::batch) says. If it fails, they are handled one at a time, to find
    /// the one that fails.
    #[must_use]
    pub fn on_batch<T, F>(
        self,
        event_type: impl Into<String>,
        handle: F,
    ) -> ConsumerBuilder<Route<TypedBatch<T>, F, R>>
    where
        TypedBatch<T>: Pattern<Argument = Vec<T>, Context = BatchContext>,
        F: AsyncFn(Vec<T>, BatchContext) -> Result<(), HandlerError>,
    {
        self.route(TypedBatch::new(event_type.into()), handle)
    }

    /// Handles events of all types for which there is no other closure, several at once, as
    /// [`on_batch`](Self::on_batch) does.
    #[must_use]
    pub fn on_any_batch<F>(self, handle: F) -> ConsumerBuilder<Route<AnyBatch, F, R>>
    where
        F: AsyncFn(Vec<Arc<Recorded>>, BatchContext) -> Result<(), HandlerError>,
    {
        self.route(AnyBatch, handle)
    }
}

impl ConsumerBuilder<()> {
    /// Gives each closure that is named after this the transaction in which the cursor moves:
    /// effectively once. What the closures write through it and the cursor commit together, so that
    /// after any crash the tables say exactly what was handled.
    ///
    /// The [`database`](Self::database) must be the one in which the closures write, and of this
    /// kind: [`Sqlite`](crate::Sqlite) or [`Postgres`](crate::Postgres). Up to as many events as
    /// [`batch`](Self::batch) says share a transaction. When one of them fails, all of it is rolled
    /// back, and they are handled one at a time.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use feed_consumer::{Consumer, Sqlite};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct OrderPlaced {
    ///     total: i64,
    /// }
    ///
    /// let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
    ///     .group("revenue")
    ///     .database("shop.db")
    ///     .transactional::<Sqlite>()
    ///     .on("order.placed", async |mut tx, order: OrderPlaced, cx| {
    ///         sqlx::query("INSERT INTO revenue (position, total) VALUES (?, ?)")
    ///             .bind(cx.position().get() as i64)
    ///             .bind(order.total)
    ///             .execute(&mut *tx)
    ///             .await?;
    ///         Ok(())
    ///     })
    ///     .build()?;
    /// tokio::spawn(consumer.run(std::future::pending()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// On SQLite the transaction begins with `BEGIN IMMEDIATE`: it holds the write lock, for which
    /// other writers of the file wait, and so must not wait for one of them itself. On PostgreSQL
    /// it has the isolation level of the database. A conflict with another transaction (a
    /// serialization failure, a deadlock) is a transient failure. A transaction of a process that
    /// stands still is ended by the database a few seconds after the
    /// [`deadline`](Self::deadline) of a handling.
    #[must_use]
    pub fn transactional<DB: Database>(self) -> ConsumerBuilder<InTransaction<DB, ()>> {
        self.with_handler(|()| InTransaction::new(()))
    }
}

/// Handlers that write in the transaction in which the cursor moves: effectively once.
impl<DB: Database, R: Routes<Tx<DB>>> ConsumerBuilder<InTransaction<DB, R>> {
    fn route_in<P: Pattern, F>(self, pattern: P, handle: F) -> InTransactionOn<DB, P, F, R> {
        self.with_handler(|work| InTransaction::new(Route { pattern, handle, rest: work.routes }))
    }

    /// Handles events of one type, with their data as a `T`, as [`ConsumerBuilder::on`] does.
    #[must_use]
    pub fn on<T, F>(
        self,
        event_type: impl Into<String>,
        handle: F,
    ) -> InTransactionOn<DB, Typed<T>, F, R>
    where
        Typed<T>: Pattern<Argument = T, Context = Context>,
        F: AsyncFn(Tx<DB>, T, Context) -> Result<(), HandlerError>,
    {
        self.route_in(Typed::new(event_type.into()), handle)
    }

    /// Handles events of all types for which there is no other closure.
    #[must_use]
    pub fn on_any<F>(self, handle: F) -> InTransactionOn<DB, Any, F, R>
    where
        F: AsyncFn(Tx<DB>, Arc<Recorded>, Context) -> Result<(), HandlerError>,
    {
        self.route_in(Any, handle)
    }

    /// Handles events of one type that follow each other, several at once, as
    /// [`ConsumerBuilder::on_batch`] does.
    #[must_use]
    pub fn on_batch<T, F>(
        self,
        event_type: impl Into<String>,
        handle: F,
    ) -> InTransactionOn<DB, TypedBatch<T>, F, R>
    where
        TypedBatch<T>: Pattern<Argument = Vec<T>, Context = BatchContext>,
        F: AsyncFn(Tx<DB>, Vec<T>, BatchContext) -> Result<(), HandlerError>,
    {
        self.route_in(TypedBatch::new(event_type.into()), handle)
    }

    /// Handles events of all types for which there is no other closure, several at once.
    #[must_use]
    pub fn on_any_batch<F>(self, handle: F) -> InTransactionOn<DB, AnyBatch, F, R>
    where
        F: AsyncFn(Tx<DB>, Vec<Arc<Recorded>>, BatchContext) -> Result<(), HandlerError>,
    {
        self.route_in(AnyBatch, handle)
    }
}
