// Captures written here, read back, and what is told of them. Digests are sha256sum's.
#include "dataplane/inspect/inspector.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "dataplane/inspect/capture_file.h"
#include "dataplane/packet/testing/builder.h"

namespace postern::inspect {
namespace {

using nlohmann::ordered_json;
using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kSyn;
using packet::testing::Packet;

// A connection as its packets were seen, each end's numbers kept.
class Conversation {
 public:
  explicit Conversation(std::string client_name = "192.0.2.7:40000",
                        std::string server_name = "198.51.100.1:25")
      : client_name_(std::move(client_name)), server_name_(std::move(server_name)) {
    packets.push_back({.from = client_name_, .to = server_name_, .seq = client++, .flags = kSyn});
    packets.push_back({.from = server_name_,
                       .to = client_name_,
                       .seq = server++,
                       .ack = client,
                       .flags = kSyn | kAck});
    packets.push_back(from_client(""));
  }
  Packet from_client(std::string text, uint8_t flags = kAck) const {
    return {.from = client_name_,
            .to = server_name_,
            .seq = client,
            .ack = server,
            .flags = flags,
            .payload = std::move(text)};
  }
  Packet from_server(std::string text, uint8_t flags = kAck) const {
    return {.from = server_name_,
            .to = client_name_,
            .seq = server,
            .ack = client,
            .flags = flags,
            .payload = std::move(text)};
  }
  Conversation& c(const std::string& text) {
    packets.push_back(from_client(text, kAck | kPsh));
    client += static_cast<uint32_t>(text.size());
    return *this;
  }
  Conversation& s(const std::string& text) {
    packets.push_back(from_server(text, kAck | kPsh));
    server += static_cast<uint32_t>(text.size());
    return *this;
  }
  Conversation& until_data() {
    return s("220 mx\r\n")
        .c("EHLO relay.example\r\n")
        .s("250-mx\r\n250-STARTTLS\r\n250 CHUNKING\r\n")
        .c("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n")
        .s("250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n");
  }
  Conversation& close() {
    packets.push_back(from_client("", kAck | kFin));
    ++client;
    packets.push_back(from_server("", kAck | kFin));
    ++server;
    packets.push_back(from_client(""));
    return *this;
  }

  std::vector<Packet> packets;
  uint32_t client = 1000, server = 5000;

 private:
  std::string client_name_, server_name_;
};

struct Read {
  std::vector<ordered_json> events;
  uint64_t checksum_drops = 0;
};

Read inspect(const std::vector<Packet>& packets, const InspectOptions& options = {}) {
  Read read;
  auto inspector =
      Inspector::create(options, [&](const ordered_json& event) { read.events.push_back(event); });
  EXPECT_TRUE(inspector) << inspector.error();
  uint64_t wall_us = 1'700'000'000'123'456;
  for (const Packet& packet : packets) (*inspector)->packet(packet.bytes(), wall_us++);
  (*inspector)->finish();
  read.checksum_drops = (*inspector)->counters().get(Counter::kDropChecksum);
  return read;
}

const std::string kText = "Subject: hi\r\n\r\n..dot\r\nsee http://example.com/a\r\n";
const char* kTextSha256 = "c67882c2938081738f9dc5ff7a40f7db0ff51ba86b9642699018c552fbb9ea7f";
const char* kBodySha256 = "54178dfc396f740fec413ec71316c4eab103574b4b8783a659a23f92b90216f0";

std::vector<Packet> one_message() {
  Conversation talk;
  talk.until_data().c(kText + ".\r\n").s("250 queued\r\n").c("QUIT\r\n").s("221 bye\r\n").close();
  return talk.packets;
}

TEST(Inspector, tells_of_a_transaction_and_its_connection) {
  Read read = inspect(one_message());
  ASSERT_EQ(read.events.size(), 2u);
  // The octets are those before the segment that made the event: the server's last reply.
  const ordered_json expected = ordered_json::parse(R"({
    "timestamp": "2023-11-14T22:13:20.123465Z", "event_type": "smtp",
    "src_ip": "192.0.2.7", "src_port": 40000, "dest_ip": "198.51.100.1", "dest_port": 25,
    "proto": "TCP",
    "smtp": {
      "helo": "relay.example", "mail_from": "a@x", "rcpt_to": ["b@y", "c@y"],
      "rcpt_count": 2, "rcpt_rejected": 1, "chunking": false,
      "replies": {"mail": 250, "rcpt": [250, 550], "data": 354, "message": 250}},
    "email": {
      "size": 47, "sha256": ")" + std::string(kTextSha256) +
                                                    R"(",
      "subject": "hi",
      "parts": [{"content_type": "text/plain", "decoded_bytes": 32, "sha256": ")" +
                                                    std::string(kBodySha256) + R"("}],
      "urls": ["http://example.com/a"], "complete": true},
    "origin": {
      "ip": "192.0.2.7", "auth": "unknown", "user": "", "script": "", "confidence": "medium",
      "why": "No Received line: the connecting host made the message itself, or hides who gave it."},
    "link_domains": ["example.com"],
    "session": {
      "dialect": "EHLO fqdn,MAIL FROM:<>,RCPT TO:<>,DATA", "pipelined": true, "chunked": false,
      "auth_mechanism": "", "auth_result": "", "failed_logins": 0,
      "tls_offered": true, "tls_started": false, "client_bytes": 124, "server_bytes": 76,
      "duration_ms": 0, "message_ms": 0, "messages": 1, "null_senders": 0,
      "recipients_count": 2, "recipients_rejected": 1},
    "anomalies": []})");
  EXPECT_EQ(read.events[0], expected) << read.events[0].dump(2);
  ordered_json& session = read.events[1];
  EXPECT_EQ(session["event_type"], "session");
  EXPECT_EQ(session["helo"], "relay.example");
  EXPECT_EQ(session["messages"], 1);
  EXPECT_EQ(session["starttls_offered"], true);
  EXPECT_EQ(session["tls"], false);
  EXPECT_EQ(session["gap"], false);
  EXPECT_EQ(session["tcp"], ordered_json::object());
}

TEST(Inspector, reads_the_first_copy_of_what_overlaps) {
  Conversation talk;
  talk.until_data();
  const std::string first = "Subject: x\r\n\r\nfirst copy\r\n",
                    other = "Subject: x\r\n\r\nother copy\r\n";
  // Ahead of its gap, then again with other text and the gap's octets before it.
  Packet ahead = talk.from_client(first.substr(14));
  ahead.seq += 14;
  talk.packets.push_back(ahead);
  talk.packets.push_back(talk.from_client(other));
  talk.client += static_cast<uint32_t>(first.size());
  // And a retransmission of octets that were read, changed.
  Packet again = talk.from_client(other);
  again.seq -= static_cast<uint32_t>(other.size());
  talk.packets.push_back(again);
  talk.c(".\r\n").s("250 ok\r\n").close();
  Read read = inspect(talk.packets);
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[0]["email"]["sha256"],
            "3acb3451ab66cfd650dfa3064ae754b58683e12bed76c2dfc83f320b8202f315");
  EXPECT_EQ(read.events[1]["tcp"].value("segments_rewritten", 0), 2) << read.events[1];
}

// Pieces of the Subject's twenty letters, by offset and in the order of the capture; `reads` was
// worked out by hand, the first copy of each octet counting.
struct Overlap {
  const char* what;
  struct Piece {
    uint32_t at;
    const char* text;
  };
  std::vector<Piece> pieces;
  const char* reads;
};

const Overlap kOverlaps[] = {
    // Over octets that are in order.
    {"equal", {{0, "aaaaaaaaaa"}, {0, "BBBBBBBBBB"}, {10, "cccccccccc"}}, "aaaaaaaaaacccccccccc"},
    {"inside", {{0, "aaaaaaaaaa"}, {3, "BBBB"}, {10, "cccccccccc"}}, "aaaaaaaaaacccccccccc"},
    {"around",
     {{0, "zzzzz"}, {5, "aaaaa"}, {3, "BBBBBBBBBB"}, {13, "ccccccc"}},
     "zzzzzaaaaaBBBccccccc"},
    {"over the beginning",
     {{0, "zzzzz"}, {5, "aaaaa"}, {3, "BBBB"}, {10, "cccccccccc"}},
     "zzzzzaaaaacccccccccc"},
    {"over the end", {{0, "aaaaaaaaaa"}, {7, "BBBBBB"}, {13, "ccccccc"}}, "aaaaaaaaaaBBBccccccc"},
    {"from the middle on", {{0, "aaaaaaaaaa"}, {5, "BBBBBBBBBBBBBBB"}}, "aaaaaaaaaaBBBBBBBBBB"},
    // Over octets behind a gap, which is closed last.
    {"equal, ahead",
     {{5, "aaaaa"}, {5, "BBBBB"}, {10, "cccccccccc"}, {0, "zzzzz"}},
     "zzzzzaaaaacccccccccc"},
    {"inside, ahead",
     {{5, "aaaaaaaaaa"}, {7, "BBB"}, {15, "ccccc"}, {0, "zzzzz"}},
     "zzzzzaaaaaaaaaaccccc"},
    {"around, ahead",
     {{7, "aaa"}, {5, "BBBBBBBBBB"}, {15, "ccccc"}, {0, "zzzzz"}},
     "zzzzzBBaaaBBBBBccccc"},
    {"over the beginning, ahead",
     {{7, "aaaaa"}, {5, "BBBB"}, {12, "cccccccc"}, {0, "zzzzz"}},
     "zzzzzBBaaaaacccccccc"},
    {"over the end, ahead",
     {{5, "aaaaa"}, {8, "BBBB"}, {12, "cccccccc"}, {0, "zzzzz"}},
     "zzzzzaaaaaBBcccccccc"},
    {"the gap's segment over what is behind it",
     {{5, "aaaaa"}, {10, "cccccccccc"}, {0, "ZZZZZZZZZZ"}},
     "ZZZZZaaaaacccccccccc"},
    {"over two islands and past them",
     {{3, "aa"}, {8, "bb"}, {0, "CCCCCCCCCCCC"}, {12, "dddddddd"}},
     "CCCaaCCCbbCCdddddddd"},
    {"one octet at a time",
     {{1, "b"}, {0, "A"}, {1, "B"}, {2, "C"}, {2, "d"}, {0, "eeee"}, {4, "ffffffffffffffff"}},
     "AbCeffffffffffffffff"},
};

TEST(Inspector, reads_the_first_copy_in_every_arrangement) {
  for (const bool six : {false, true}) {
    for (const Overlap& overlap : kOverlaps) {
      for (const bool acknowledged : {false, true}) {
        Conversation talk(six ? "[2001:db8::7]:40000" : "192.0.2.7:40000",
                          six ? "[2001:db8::25]:25" : "198.51.100.1:25");
        talk.until_data().c("Subject: ");
        const uint32_t base = talk.client;
        uint32_t in_order = 0;
        for (const Overlap::Piece& piece : overlap.pieces) {
          Packet packet = talk.from_client(piece.text, kAck | kPsh);
          packet.seq = base + piece.at;
          talk.packets.push_back(packet);
          const uint32_t end = piece.at + static_cast<uint32_t>(packet.payload.size());
          if (piece.at <= in_order) in_order = std::max(in_order, end);
          // The server may have acknowledged what is in order.
          talk.client = base + in_order;
          if (acknowledged) talk.packets.push_back(talk.from_server(""));
        }
        talk.client = base + 20;
        talk.c("\r\n\r\ntext\r\n.\r\n").s("250 ok\r\n").close();
        const Read read = inspect(talk.packets);
        ASSERT_EQ(read.events.size(), 2u) << overlap.what;
        EXPECT_EQ(read.events[0]["email"]["subject"], overlap.reads)
            << overlap.what << (six ? ", IPv6" : ", IPv4")
            << (acknowledged ? ", acknowledged" : "");
        EXPECT_EQ(read.events[1]["gap"], false) << overlap.what;
      }
    }
  }
}

// What the session lets wait on the wire has passed in a capture: it is read when its turn comes.
TEST(Inspector, reads_what_a_client_said_too_early) {
  Conversation talk;
  talk.c("EHLO hasty\r\nMAIL FROM:<a@x>\r\nDATA\r\n")
      .c("one\r\n")
      .c(".\r\nQUIT\r\n")
      .s("220 mx\r\n250 mx\r\n250 ok\r\n354 go\r\n")
      .s("250 ok\r\n221 bye\r\n")
      .close();
  Read read = inspect(talk.packets);
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[0]["email"]["size"], 5);
  EXPECT_EQ(read.events[0]["smtp"]["replies"]["message"], 250);
  EXPECT_EQ(read.events[0]["anomalies"], ordered_json({"early_talker", "header_syntax"}));
}

TEST(Inspector, reads_a_capture_that_noted_a_reply_too_early) {
  Conversation talk;
  talk.until_data().c("one\r\n").c(".\r\n").s("250 queued\r\n").close();
  const size_t end = talk.packets.size() - 5;
  std::swap(talk.packets[end], talk.packets[end + 1]);
  Read read = inspect(talk.packets);
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[0]["email"]["size"], 5);
  EXPECT_EQ(read.events[0]["email"]["complete"], true);
  EXPECT_EQ(read.events[0]["smtp"]["replies"]["message"], 250);
}

TEST(Inspector, refuses_nothing) {
  Conversation talk;
  talk.until_data().c("A: b\r\n\r\na\n.\nb\r\n.\r\n").s("250 ok\r\n").close();
  Read read = inspect(talk.packets);
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[0]["email"]["size"], 15);
  EXPECT_EQ(read.events[0]["smtp"]["replies"]["message"], 250);
  EXPECT_EQ(read.events[0]["anomalies"], ordered_json({"bare_lf", "lf_dot_lf"}));
}

TEST(Inspector, follows_chunks_and_null_senders) {
  Conversation talk;
  talk.s("220 mx\r\n")
      .c("EHLO a\r\n")
      .s("250-mx\r\n250 CHUNKING\r\n")
      .c("MAIL FROM:<>\r\nRCPT TO:<b@y>\r\nBDAT 3\r\none")
      .c("BDAT 3 LAST\r\ntwo")
      .s("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n")
      .close();
  Read read = inspect(talk.packets);
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[0]["smtp"]["chunking"], true);
  EXPECT_EQ(read.events[0]["smtp"]["mail_from"], "");
  EXPECT_EQ(read.events[0]["email"]["size"], 6);
}

TEST(Inspector, says_when_TLS_began) {
  Conversation talk;
  talk.s("220 mx\r\n")
      .c("EHLO a\r\n")
      .s("250-mx\r\n250 STARTTLS\r\n")
      .c("STARTTLS\r\n")
      .s("220 go\r\n")
      .c("\x16\x03\x01")
      .s("\x16\x03\x03")
      .close();
  Read read = inspect(talk.packets);
  ASSERT_EQ(read.events.size(), 1u);
  EXPECT_EQ(read.events[0]["event_type"], "session");
  EXPECT_EQ(read.events[0]["tls"], true);
  // What is said under TLS is counted, not read.
  EXPECT_EQ(read.events[0]["session"]["client_bytes"], 8 + 10 + 3);
  EXPECT_EQ(read.events[0]["session"]["server_bytes"], 8 + 8 + 14 + 8 + 3);
  EXPECT_EQ(read.events[0]["starttls_offered"], true);
}

TEST(Inspector, says_when_segments_are_missing) {
  Conversation talk;
  talk.until_data().c("lost\r\n");
  talk.packets.pop_back();
  talk.c("kept\r\n.\r\n").s("250 ok\r\n").close();
  Read read = inspect(talk.packets);
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_FALSE(read.events[0].contains("email"));
  EXPECT_EQ(read.events[1]["gap"], true);
  EXPECT_EQ(read.events[1]["tcp"].value("segments_out_of_order", 0), 2) << read.events[1];
}

TEST(Inspector, leaves_out_wrong_checksums_unless_told_otherwise) {
  std::vector<Packet> packets = one_message();
  for (Packet& packet : packets) packet.bad_tcp_checksum = packet.from == "192.0.2.7:40000";
  Read read = inspect(packets);
  EXPECT_EQ(read.events.size(), 0u);  // no client has answered
  EXPECT_GT(read.checksum_drops, 0u);
  read = inspect(packets, {.verify_checksums = false});
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[0]["email"]["sha256"], kTextSha256);
}

TEST(Inspector, knows_the_client_by_its_SYN) {
  Conversation talk("192.0.2.7:25", "198.51.100.1:587");
  talk.until_data().c(kText + ".\r\n").s("250 queued\r\n").close();
  Read read = inspect(talk.packets);
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[0]["src_port"], 25);
  EXPECT_EQ(read.events[0]["email"]["sha256"], kTextSha256);
}

TEST(Inspector, looks_only_at_the_ports_it_was_given) {
  EXPECT_EQ(inspect(one_message(), {.ports = {2525}}).events.size(), 0u);
}

// A capture file that is gone with the test.
class CaptureOnDisk {
 public:
  CaptureOnDisk() { close(mkstemp(path_.data())); }
  ~CaptureOnDisk() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

  // `front`: what the link puts before the IP packet, given the EtherType.
  void write(int link_type, const std::vector<Packet>& packets,
             const std::function<std::vector<uint8_t>(uint16_t)>& front) {
    pcap_t* dead = pcap_open_dead(link_type, 65536);
    pcap_dumper_t* dumper = pcap_dump_open(dead, path_.c_str());
    ASSERT_NE(dumper, nullptr);
    for (const Packet& packet : packets) {
      const std::vector<uint8_t> ethernet = packet.bytes();
      std::vector<uint8_t> bytes = front(static_cast<uint16_t>(ethernet[12] << 8 | ethernet[13]));
      bytes.insert(bytes.end(), ethernet.begin() + 14, ethernet.end());
      const auto length = static_cast<bpf_u_int32>(bytes.size());
      const pcap_pkthdr header{{1'700'000'000, 0}, length, length};
      pcap_dump(reinterpret_cast<u_char*>(dumper), &header, bytes.data());
    }
    pcap_dump_close(dumper);
    pcap_close(dead);
  }

 private:
  std::string path_ = testing::TempDir() + "/inspect-XXXXXX";
};

TEST(CaptureFile, reads_every_common_link) {
  const auto fill = [](size_t size, size_t at) {
    return [=](uint16_t ether_type) {
      std::vector<uint8_t> front(size, 0);
      if (at + 1 < size)
        front[at] = static_cast<uint8_t>(ether_type >> 8),
        front[at + 1] = static_cast<uint8_t>(ether_type);
      return front;
    };
  };
  constexpr size_t kNowhere = 1000;
  const struct {
    const char* name;
    int link;
    std::function<std::vector<uint8_t>(uint16_t)> front;
  } links[] = {
      {"Ethernet", DLT_EN10MB, fill(14, 12)},    {"raw IP", DLT_RAW, fill(0, kNowhere)},
      {"cooked", DLT_LINUX_SLL, fill(16, 14)},   {"cooked, version 2", DLT_LINUX_SLL2, fill(20, 0)},
      {"loopback", DLT_NULL, fill(4, kNowhere)},
  };
  for (const bool v6 : {false, true}) {
    Conversation talk(v6 ? "[2001:db8::7]:40000" : "192.0.2.7:40000",
                      v6 ? "[2001:db8::1]:25" : "198.51.100.1:25");
    talk.until_data().c(kText + ".\r\n").s("250 queued\r\n").close();
    for (const auto& link : links) {
      SCOPED_TRACE(link.name);
      CaptureOnDisk disk;
      disk.write(link.link, talk.packets, link.front);
      auto file = CaptureFile::open(disk.path());
      ASSERT_TRUE(file) << file.error();
      std::vector<ordered_json> events;
      auto inspector =
          Inspector::create({}, [&](const ordered_json& event) { events.push_back(event); });
      ASSERT_TRUE(inspector);
      size_t packets = 0;
      while (true) {
        const auto packet = file->next();
        ASSERT_TRUE(packet) << packet.error();
        if (!*packet) break;
        ++packets;
        EXPECT_FALSE((*packet)->cut);
        (*inspector)->packet((*packet)->frame, (*packet)->wall_us);
      }
      (*inspector)->finish();
      EXPECT_EQ(packets, talk.packets.size());
      ASSERT_EQ(events.size(), 2u);
      EXPECT_EQ(events[0]["email"]["sha256"], kTextSha256);
      EXPECT_EQ(events[0]["src_ip"], v6 ? "2001:db8::7" : "192.0.2.7");
    }
  }
}

TEST(CaptureFile, says_what_is_wrong_with_a_file) {
  EXPECT_FALSE(CaptureFile::open("/nowhere/at.all"));
  const auto not_a_capture = CaptureFile::open("/etc/passwd");
  ASSERT_FALSE(not_a_capture);
  EXPECT_NE(not_a_capture.error().find("pcap or pcapng"), std::string::npos);
  CaptureOnDisk disk;
  disk.write(DLT_IEEE802_11, {}, {});
  const auto wireless = CaptureFile::open(disk.path());
  ASSERT_FALSE(wireless);
  EXPECT_NE(wireless.error().find("IEEE802_11"), std::string::npos) << wireless.error();
}

TEST(CaptureFile, a_damaged_file_is_read_as_far_as_it_goes) {
  CaptureOnDisk disk;
  disk.write(DLT_RAW, one_message(), [](uint16_t) { return std::vector<uint8_t>(); });
  ASSERT_EQ(truncate(disk.path().c_str(), 24 + 16 + 10),
            0);  // header, record header, half a packet
  auto file = CaptureFile::open(disk.path());
  ASSERT_TRUE(file);
  const auto packet = file->next();
  ASSERT_FALSE(packet);
  EXPECT_NE(packet.error().find("damaged"), std::string::npos);
}

}  // namespace
}  // namespace postern::inspect
