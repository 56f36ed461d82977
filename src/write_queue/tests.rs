//! Tests of the queue, with a reader that takes one item after the other.

use super::*;
use std::thread;

#[test]
fn items_are_written_in_order_and_a_closed_queue_ends_after_the_last_one() {
    let (queue, reader) = WriteQueue::new(10);
    let writer = thread::spawn(move || reader.collect::<Vec<_>>());
    let tickets: Vec<_> = (0..100).map(|item| queue.push(item, 1)).collect();
    assert!(tickets.is_sorted());
    assert!(queue.wait(queue.last(), None));
    assert_eq!(queue.unwritten(), 0);
    queue.close();
    assert_eq!(writer.join().unwrap(), (0..100).map(Queued::Item).collect::<Vec<_>>());
    // The queue has ended: nothing waits for it any more.
    assert!(queue.has_ended() && !queue.wait(queue.push(7, 1), None));
}

#[test]
fn items_that_do_not_fit_are_counted_and_room_is_free_only_once_an_item_is_written() {
    let (queue, mut reader) = WriteQueue::new(10);
    assert!(queue.has_room());
    queue.offer("larger than the limit", 50);
    assert!(!queue.has_room());
    queue.lose();
    assert_eq!(reader.next(), Some(Queued::Item("larger than the limit")));
    queue.offer("lost", 1);
    queue.push("always", 1);
    queue.offer("lost", 1);
    assert_eq!(queue.unwritten(), 5);
    assert_eq!(reader.next(), Some(Queued::Lost(2)));
    assert!(queue.has_room());
    queue.offer("fits", 9);
    assert!(!queue.has_room());
    assert_eq!(reader.next(), Some(Queued::Item("always")));
    assert_eq!(reader.next(), Some(Queued::Lost(1)));
    assert_eq!(queue.unwritten(), 1);
    assert!(!queue.wait(queue.last(), Some(Duration::ZERO)));
    queue.close();
    assert_eq!(reader.next(), Some(Queued::Item("fits")));
    assert_eq!((reader.next(), queue.unwritten()), (None, 0));
}

#[test]
fn no_room_is_announced_until_an_item_is_written_after_one_did_not_fit() {
    let (queue, mut reader) = WriteQueue::new(10);
    queue.offer("small", 4);
    assert!(queue.has_room());
    queue.offer("too large now", 8);
    assert!(!queue.has_room());
    assert_eq!(reader.next(), Some(Queued::Item("small")));
    assert!(!queue.has_room());
    assert_eq!(reader.next(), Some(Queued::Lost(1)));
    assert!(queue.has_room());
}

#[tokio::test]
async fn a_task_that_needs_room_waits_although_its_own_item_is_written() {
    let (queue, mut reader) = WriteQueue::new(10);
    let own = queue.push("own", 1);
    queue.push("of another task", 10);
    reader.next();
    reader.next();
    let limit = Duration::from_millis(20);
    assert!(tokio::time::timeout(limit, queue.ready(own, None)).await.is_err());
    let writer = thread::spawn(move || reader.next());
    queue.ready(own, None).await;
    queue.close();
    assert!(writer.join().unwrap().is_none());
}

#[tokio::test]
async fn a_task_waits_until_its_item_is_written_the_output_stalls_or_the_queue_ends() {
    let (queue, mut reader) = WriteQueue::new(10);
    let item = queue.push((), 1);
    let limit = Duration::from_millis(20);
    assert!(!queue.is_stalled(Duration::MAX));
    // The output takes nothing.
    queue.ready(item, Some(limit)).await;
    assert!(queue.is_stalled(limit));
    assert!(reader.next().is_some());
    assert!(tokio::time::timeout(limit, queue.written(item)).await.is_err());
    let next = queue.push((), 1);
    let writer = thread::spawn(move || {
        reader.next();
        reader
    });
    assert!(queue.written(item).await);
    let reader = writer.join().unwrap();
    let (written, ()) = tokio::join!(queue.written(next), async { drop(reader) });
    assert!(!written);
}
