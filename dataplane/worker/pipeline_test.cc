// Packets in, packets out: the invariants of the gate, each at its smallest.
#include "dataplane/worker/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/worker/testing/wire.h"

namespace postern::worker {
namespace {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;
using packet::Side;
using testing::as_sent;
using testing::Dialogue;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kHam;
using testing::kSpam;
using testing::Packet;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Wire;
using verdict::Treatment;

TEST(Gate, HamPassesUnchangedAndIsReported) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  const Packet message = d.client_packet(kHam);
  EXPECT_EQ(wire.from_client(message), as_sent(message, Side::kOutside));
  d.client_next += sizeof kHam - 1;
  EXPECT_THAT(d.server("250 2.0.0 Ok: queued\r\n"), SizeIs(1));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  const Event& event = wire.events.events[0];
  EXPECT_EQ(event.outcome, Outcome::kForwarded);
  EXPECT_EQ(event.mail_from.view(), "a@client.example");
  EXPECT_EQ(event.recipients[0].view(), "b@mx.example");
  EXPECT_EQ(event.helo.view(), "client.example");
  EXPECT_EQ(event.server_reply, 250);
  EXPECT_EQ(event.message_bytes, sizeof kHam - 1 - 3);
  EXPECT_EQ(event.content_hash, 0x6666415ace1dd252);  // as python3-xxhash has it
  EXPECT_EQ(event.client.to_string(), "192.0.2.7");
}

TEST(Gate, SpamIsRefusedAtTheSegmentThatWouldCompleteIt) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  const auto sent = d.client(kSpam);
  ASSERT_THAT(sent, SizeIs(3));
  // The server gets what stands before the end, then a RST at exactly its next byte.
  EXPECT_EQ(sent[0].out, Side::kOutside);
  EXPECT_EQ(sent[0].segment.payload, "Subject: hi\r\n\r\nSPAM-HERE\r\n");
  const uint32_t cut = d.client_next - 3;  // the dot and its line end
  // The client gets the refusal behind the server's last byte, and all of its own acknowledged.
  EXPECT_EQ(sent[1].out, Side::kInside);
  EXPECT_THAT(sent[1].segment.payload, StartsWith("554 5.7.1 Message refused"));
  EXPECT_THAT(sent[1].segment.payload, HasSubstr("(case "));
  EXPECT_EQ(sent[1].segment.seq, d.server_next);
  EXPECT_EQ(sent[1].segment.ack, d.client_next);
  EXPECT_EQ(sent[1].segment.from, d.server_name);
  EXPECT_TRUE(sent[1].segment.checksums_right);
  EXPECT_EQ(sent[2].out, Side::kOutside);
  EXPECT_EQ(sent[2].segment.flags, kRst | kAck);
  EXPECT_EQ(sent[2].segment.seq, cut);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].outcome, Outcome::kRefusedContent);
  EXPECT_EQ(wire.events.events[0].score, 10);
  EXPECT_THAT(sent[1].segment.payload, HasSubstr(wire.events.events[0].case_reference.to_string()));
}

TEST(Gate, TheEndSplitAnywhereIsStillTheEnd) {
  const std::string spam = kSpam;
  for (size_t cut = 1; cut < spam.size(); ++cut) {
    Wire wire;
    Dialogue d(wire);
    d.until_data();
    std::string to_server;
    bool refused = false;
    for (const auto& piece : {spam.substr(0, cut), spam.substr(cut)}) {
      for (const auto& sent : d.client(piece)) {
        if (sent.out == Side::kOutside) to_server += sent.segment.payload;
        if (sent.segment.payload.starts_with("554 ")) refused = true;
      }
    }
    EXPECT_TRUE(refused) << cut;
    EXPECT_EQ(to_server.find("\r\n.\r\n"), std::string::npos) << cut;
  }
}

TEST(Gate, OneByteSegmentsAreReadAlike) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  std::string to_server, to_client;
  for (const char c : std::string(kSpam)) {
    for (const auto& sent : d.client(std::string(1, c))) {
      (sent.out == Side::kOutside ? to_server : to_client) += sent.segment.payload;
    }
    if (!to_client.empty()) break;
    d.server("", kAck);
  }
  EXPECT_THAT(to_client, StartsWith("554 5.7.1"));
  EXPECT_EQ(to_server, std::string(kSpam).substr(0, sizeof kSpam - 2));
}

TEST(Gate, TheEndThatArrivesBeforeItsMessageIsStillRefused) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  const std::string spam = kSpam;
  Packet head = d.client_packet(spam.substr(0, 10));
  Packet tail = d.client_packet(spam.substr(10));
  tail.seq += 10;
  EXPECT_EQ(wire.from_client(tail), as_sent(tail, Side::kOutside));  // unreadable behind its gap
  d.client_next += static_cast<uint32_t>(spam.size());
  const auto sent = wire.from_client(head);
  std::string to_server, to_client;
  for (const auto& s : sent) (s.out == Side::kOutside ? to_server : to_client) += s.segment.payload;
  EXPECT_EQ(to_server, "");  // the gap stays open
  EXPECT_THAT(to_client, StartsWith("554 5.7.1"));
}

TEST(Gate, ARetransmissionWithOtherBytesReachesTheServerAsFirstRead) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  const Packet first = d.client_packet("innocent text");
  wire.from_client(first);
  Packet second = first;
  second.payload = "SPAM-HERE....";
  EXPECT_EQ(wire.from_client(second), as_sent(first, Side::kOutside));
}

// Urgent data is read apart from the stream by most receivers: here it would turn text into the
// end.
TEST(Gate, UrgentMarksAreTakenOffSoThatTheServerReadsWhatWasScanned) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  const auto sent = d.client("SPAM-HERE\r\n.x\r\n", kAck | packet::kUrg);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].segment.flags, kAck);
  EXPECT_EQ(wire.counters.get(Counter::kSegmentsUrgent), 1u);
}

TEST(Gate, SeveralMessagesOnAConnectionAreDecidedOneByOne) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(d.client(kHam), SizeIs(1));
    d.server("250 2.0.0 Ok\r\n");
    d.client("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n");
    d.server("250 Ok\r\n250 Ok\r\n354 go\r\n");
  }
  EXPECT_THAT(d.client(kSpam), SizeIs(3));
  EXPECT_EQ(wire.counters.get(Counter::kMessagesForwarded), 3u);
  EXPECT_EQ(wire.counters.get(Counter::kMessagesRefusedContent), 1u);
}

TEST(Gate, AVerdictPushedDuringAConnectionHoldsAtTheNextCommitPoint) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  d.client("Subject: hi\r\n\r\n");
  wire.verdicts.verdict = {.treatment = Treatment::kRefuse, .case_reference = CaseReference{42}};
  const auto sent = d.client("text\r\n.\r\n");
  ASSERT_THAT(sent, SizeIs(3));
  EXPECT_EQ(sent[1].segment.payload.substr(0, 40), "550 5.7.1 Sending from 192.0.2.7 is bloc");
  EXPECT_THAT(sent[1].segment.payload, HasSubstr("(case 000000001A)"));
}

TEST(Gate, HoldAndThrottleDeferWith451) {
  Wire wire;
  wire.verdicts.verdict = {.treatment = Treatment::kHold, .case_reference = CaseReference{1}};
  Dialogue d(wire);
  d.until_data();
  EXPECT_THAT(d.client(kHam)[1].segment.payload, StartsWith("451 4.7.1 "));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].outcome, Outcome::kDeferredHold);

  verdict::ThrottleBucket bucket;
  wire.verdicts.verdict = {
      .treatment = Treatment::kThrottle, .messages_per_minute = 1, .bucket = &bucket};
  Dialogue first(wire, 40001), second(wire, 40002);
  first.until_data();
  EXPECT_THAT(first.client(kHam), SizeIs(1));
  second.until_data();
  EXPECT_THAT(second.client(kHam)[1].segment.payload, StartsWith("451 4.7.1 Rate"));
}

TEST(Gate, DropVerdictDropsSyns) {
  Wire wire;
  wire.verdicts.verdict = {.treatment = Treatment::kDrop};
  EXPECT_THAT(wire.from_client({.flags = kSyn}), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropVerdict), 1u);
}

TEST(Gate, ABlockedSenderIsAnsweredByUsFromSynToBye) {
  Wire wire;
  wire.verdicts.verdict = {.treatment = Treatment::kRefuse, .case_reference = CaseReference{42}};
  Dialogue d(wire);
  Packet syn = d.client_packet("", kSyn);
  syn.ack = 0;
  syn.maximum_segment_size = 1460;
  auto sent = wire.from_client(syn);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].out, Side::kInside);
  EXPECT_EQ(sent[0].segment.flags, kSyn | kAck);
  EXPECT_EQ(sent[0].segment.ack, d.client_next + 1);
  const auto repeated = wire.from_client(syn);  // our SYN-ACK was lost
  EXPECT_EQ(repeated, sent);
  d.server_next = sent[0].segment.seq + 1;
  ++d.client_next;
  const auto said = [&](std::string line) {
    const auto out = d.client(std::move(line));
    std::string text;
    for (const auto& s : out) {
      EXPECT_EQ(s.out, Side::kInside);  // the server never hears of it
      text += s.segment.payload;
    }
    d.server_next += static_cast<uint32_t>(text.size());
    return text;
  };
  sent = d.client("", kAck);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(sent[0].segment.payload, StartsWith("220 gate.example ESMTP"));
  // The greeting was lost too: the client has nothing to repeat, so our timer does.
  EXPECT_THAT(wire.wait(1200), ElementsAre(sent[0]));
  d.server_next += static_cast<uint32_t>(sent[0].segment.payload.size());
  EXPECT_THAT(said("EHLO x\r\n"), StartsWith("250"));
  EXPECT_THAT(said("MAIL FROM:<a@b>\r\n"),
              StartsWith("550 5.7.1 Sending from 192.0.2.7 is blocked (case 000000001A)"));
  EXPECT_THAT(said("QUIT\r\n"), StartsWith("221 "));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].kind, EventKind::kConnectionRefused);
}

TEST(Gate, WhatIsNotMailIsNotTouched) {
  Wire wire;
  const Packet web{.from = "192.0.2.7:40000",
                   .to = "198.51.100.1:80",
                   .seq = 5,
                   .payload = "SPAM-HERE",
                   .bad_tcp_checksum = true};
  auto* frame = web.in(wire.frames);
  const std::vector<uint8_t> before(frame->data(), frame->data() + frame->length);
  wire.frames.release(frame);
  EXPECT_THAT(wire.from_client(web), SizeIs(1));
  EXPECT_EQ(wire.counters.get(Counter::kFramesNotMail), 1u);
  // Mail that comes in is another's affair unless asked for.
  EXPECT_THAT(wire.from_server({.from = "198.51.100.9:50000", .to = "192.0.2.7:25", .flags = kSyn}),
              SizeIs(1));
  EXPECT_EQ(wire.counters.get(Counter::kFramesNotInspected), 1u);
}

TEST(Gate, ConnectionsOpenBeforeUsPassUntouched) {
  Wire wire;
  const Packet packet{.seq = 77, .ack = 88, .payload = "SPAM-HERE\r\n.\r\n"};
  EXPECT_EQ(wire.from_client(packet), as_sent(packet, Side::kOutside));
  EXPECT_EQ(wire.counters.get(Counter::kFramesMidStream), 1u);
  EXPECT_EQ(wire.pipeline->flows(), 0u);
}

TEST(Gate, ASynAloneCostsNoFlow) {
  Wire wire;
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_THAT(wire.from_client({.from = "192.0.2.7:" + std::to_string(2000 + i), .flags = kSyn}),
                SizeIs(1));
  }
  EXPECT_EQ(wire.pipeline->flows(), 0u);
}

TEST(Gate, AFullFlowTableIsBackPressureNotBypass) {
  PipelineConfig config = Wire::small();
  config.flows = 1;
  Wire wire(config);
  Dialogue first(wire, 40001), second(wire, 40002);
  first.open();
  second.open();
  EXPECT_EQ(wire.pipeline->flows(), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kDropFlowCap), 1u);
  // The server, still unanswered, repeats its SYN-ACK; by then there may be room.
  first.client("", kRst);
  wire.wait(11'000);
  wire.from_server(first.server_packet("", kRst));
  EXPECT_THAT(second.client("", kAck), SizeIs(1));
  EXPECT_EQ(wire.pipeline->flows(), 1u);
}

TEST(Gate, NoMemoryForAMessageMakesItsDataCommandWait) {
  PipelineConfig config = Wire::small();
  config.messages_in_flight = 1;
  Wire wire(config);
  Dialogue first(wire, 40001), second(wire, 40002);
  first.until_data();
  second.until_recipient();
  const Packet data = second.client_packet("DATA\r\n");
  EXPECT_THAT(wire.from_client(data), IsEmpty());
  first.client(kHam);
  first.server("250 Ok\r\n");
  EXPECT_EQ(wire.from_client(data), as_sent(data, Side::kOutside));
}

TEST(Gate, FailModesAreExplicit) {
  for (const FailMode mode : {FailMode::kOpen, FailMode::kClosed}) {
    PipelineConfig config = Wire::small();
    config.on_scan_error = config.without_signature_set = mode;
    {
      Wire wire(config);
      Dialogue d(wire);
      d.until_data();
      EXPECT_EQ(d.client("SCAN-FAILS\r\n.\r\n").size(), mode == FailMode::kOpen ? 1u : 3u);
      EXPECT_EQ(wire.counters.get(Counter::kScanErrors), 1u);
    }
    Wire wire(config);
    wire.pipeline->use_signature_set(nullptr, 0, nullptr);
    Dialogue d(wire);
    d.until_data();
    const auto sent = d.client(kSpam);
    if (mode == FailMode::kOpen) {
      EXPECT_THAT(sent, SizeIs(1));
      EXPECT_EQ(wire.counters.get(Counter::kMessagesUnscanned), 1u);
    } else {
      EXPECT_THAT(sent[1].segment.payload, StartsWith("451 4.3.0"));
    }
  }
}

TEST(Gate, AFullEventQueueIsCountedLoss) {
  Wire wire;
  wire.events.capacity = 0;
  Dialogue d(wire);
  d.until_data();
  d.client(kHam);
  d.server("250 Ok\r\n");
  EXPECT_EQ(wire.counters.get(Counter::kEventsLost), 1u);
}

TEST(Gate, AMessageThatNeverEndsIsReportedAbandoned) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  d.client("Subject: half\r\n");
  wire.wait(610'000);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].outcome, Outcome::kAbandoned);
  EXPECT_EQ(wire.pipeline->flows(), 0u);
}

TEST(Gate, TlsPassesUnread) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  d.server("220 mx\r\n");
  d.client("EHLO x\r\n");
  d.server("250-mx\r\n250 STARTTLS\r\n");
  d.client("STARTTLS\r\n");
  d.server("220 2.0.0 Ready\r\n");
  const Packet hello = d.client_packet(std::string("\x16\x03\x01SPAM-HERE\r\n.\r\n", 16));
  EXPECT_EQ(wire.from_client(hello), as_sent(hello, Side::kOutside));
  EXPECT_EQ(wire.counters.get(Counter::kConnectionsOpaque), 1u);
}

TEST(Gate, AConnectionThatBothSidesCloseIsForgotten) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  d.client(kHam);
  d.server("250 Ok\r\n");
  d.client("QUIT\r\n");
  d.server("221 Bye\r\n", kAck | kPsh | kFin);
  d.client("", kAck | kFin);
  EXPECT_EQ(wire.pipeline->flows(), 1u);
  d.server("", kAck);
  EXPECT_EQ(wire.pipeline->flows(), 0u);
  EXPECT_EQ(wire.frames.in_use(), 0u);
}

TEST(Gate, WrongChecksumsAndForeignSidesAreDroppedAndCounted) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  Packet bad = d.client_packet("x");
  bad.bad_tcp_checksum = true;
  EXPECT_THAT(wire.from_client(bad), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropChecksum), 1u);
  // The client cannot play the server: its acknowledgements would make us forget what was scanned.
  EXPECT_THAT(wire.from_client(d.server_packet("", kAck)), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropWrongSide), 1u);
}

TEST(Gate, VlanAndIpv6ConnectionsAreInspectedToo) {
  Wire wire;
  Dialogue d(wire);
  d.client_name = "[2001:db8::7]:40000";
  d.server_name = "[2001:db8::25]:25";
  d.until_data();
  const auto sent = d.client(kSpam);
  ASSERT_THAT(sent, SizeIs(3));
  EXPECT_THAT(sent[1].segment.payload, StartsWith("554 5.7.1"));
  EXPECT_EQ(sent[1].segment.to, "[2001:db8::7]:40000");
}

}  // namespace
}  // namespace postern::worker
