//! The connection against a peer that the test plays byte by byte.

use bytes::BufMut;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, ProduceRequest};
use kafka_protocol::protocol::Encodable;
use tokio::net::TcpListener;

use super::*;

const SOON: Duration = Duration::from_secs(5);

/// A connection of the client, and the stream that its broker would have.
async fn pair() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(Connection::connect(addr, SOON), listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

/// Reads one request and returns its api key, version and correlation id.
async fn request(stream: &mut TcpStream) -> (i16, i16, i32) {
    let length = stream.read_i32().await.unwrap();
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut frame).await.unwrap();
    let mut frame = Bytes::from(frame);
    (frame.get_i16(), frame.get_i16(), frame.get_i32())
}

/// An ApiVersions answer, told apart from others by its throttle time.
fn answer(correlation: i32, throttle_time_ms: i32) -> BytesMut {
    let mut body = BytesMut::new();
    body.put_i32(correlation);
    ApiVersionsResponse::default()
        .with_throttle_time_ms(throttle_time_ms)
        .encode(&mut body, ApiVersionsRequest::VERSION)
        .unwrap();
    let mut frame = BytesMut::new();
    frame.put_i32(body.len() as i32);
    frame.put(body);
    frame
}

fn ask() -> ApiVersionsRequest {
    ApiVersionsRequest::default()
}

#[tokio::test]
async fn several_requests_are_in_flight_and_each_gets_its_own_answer() {
    let (client, mut broker) = pair().await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(client.send(3, ask()).await.unwrap());
    }
    let mut reply = BytesMut::new();
    for throttle in [10, 20, 30] {
        let (key, version, correlation) = request(&mut broker).await;
        assert_eq!((key, version), (ApiKey::ApiVersions as i16, 3));
        reply.put(answer(correlation, throttle));
    }
    // All three in pieces that end inside a length and inside a body.
    for piece in reply.chunks(5) {
        broker.write_all(piece).await.unwrap();
        broker.flush().await.unwrap();
    }
    for (waiting, throttle) in answers.into_iter().zip([10, 20, 30]) {
        assert_eq!(waiting.await.unwrap().throttle_time_ms, throttle);
    }
    assert!(client.ended().is_none());
}

#[tokio::test]
async fn an_answer_with_another_correlation_id_ends_everything() {
    let (client, mut broker) = pair().await;
    let first = client.send(3, ask()).await.unwrap();
    let second = client.send(3, ask()).await.unwrap();
    let (_, _, correlation) = request(&mut broker).await;
    broker.write_all(&answer(correlation + 1, 0)).await.unwrap();
    assert!(matches!(first.await, Err(ClientError::Malformed { .. })));
    assert!(matches!(second.await, Err(ClientError::Malformed { .. })));
    let third = client.call(ask(), SOON).await;
    assert!(matches!(third, Err(ClientError::Malformed { .. })));
}

#[tokio::test]
async fn a_length_that_cannot_be_ends_the_connection() {
    for length in [-1, 3, i32::MAX] {
        let (client, mut broker) = pair().await;
        broker.write_all(&length.to_be_bytes()).await.unwrap();
        let answer = client.call(ask(), SOON).await;
        assert!(
            matches!(answer, Err(ClientError::Malformed { .. })),
            "{length}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let (client, mut broker) = pair().await;
    broker.write_all(&answer(99, 0)).await.unwrap();
    let answer = client.call(ask(), SOON).await;
    assert!(matches!(answer, Err(ClientError::Malformed { .. })));
}

#[tokio::test]
async fn a_closed_connection_answers_all_that_wait() {
    let (client, mut broker) = pair().await;
    let first = client.send(3, ask()).await.unwrap();
    let second = client.send(3, ask()).await.unwrap();
    request(&mut broker).await;
    drop(broker);
    assert!(matches!(first.await, Err(ClientError::Closed { .. })));
    assert!(matches!(second.await, Err(ClientError::Closed { .. })));
    assert!(matches!(
        client.try_send(3, ask()),
        Err(ClientError::Closed { .. })
    ));
}

#[tokio::test]
async fn a_late_answer_does_not_disturb_the_next() {
    let (client, mut broker) = pair().await;
    let late = client.call(ask(), Duration::from_millis(20)).await;
    assert!(matches!(late, Err(ClientError::Timeout { .. })));
    let next = client.send(3, ask()).await.unwrap();
    for throttle in [1, 2] {
        let (_, _, correlation) = request(&mut broker).await;
        broker
            .write_all(&answer(correlation, throttle))
            .await
            .unwrap();
    }
    assert_eq!(next.await.unwrap().throttle_time_ms, 2);
}

#[tokio::test]
async fn a_posted_request_takes_no_answer() {
    let (client, mut broker) = pair().await;
    client.post(9, ProduceRequest::default()).unwrap();
    let next = client.send(3, ask()).await.unwrap();
    assert_eq!(request(&mut broker).await.0, ApiKey::Produce as i16);
    let (_, _, correlation) = request(&mut broker).await;
    broker.write_all(&answer(correlation, 7)).await.unwrap();
    assert_eq!(next.await.unwrap().throttle_time_ms, 7);
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let (client, broker) = pair().await;
    let mut answers = Vec::new();
    let full = loop {
        match client.try_send(3, ask()) {
            Ok(answer) => answers.push(answer),
            Err(error) => break error,
        }
        assert!(answers.len() <= 3 * QUEUE);
    };
    assert!(matches!(full, ClientError::Busy { .. }));
    assert!(!client.has_room());
    drop(broker);
}

#[tokio::test]
async fn a_body_that_is_no_answer_is_malformed() {
    let (client, mut broker) = pair().await;
    let waiting = client.send(3, ask()).await.unwrap();
    let (_, _, correlation) = request(&mut broker).await;
    let mut frame = BytesMut::new();
    frame.put_i32(5);
    frame.put_i32(correlation);
    frame.put_u8(0);
    broker.write_all(&frame).await.unwrap();
    assert!(matches!(waiting.await, Err(ClientError::Malformed { .. })));
}

#[tokio::test]
async fn nobody_there_is_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let refused = Connection::connect(addr, SOON).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused { .. }));
    assert!(refused.is_certain());
}
