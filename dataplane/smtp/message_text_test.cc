// The text of a message read in large pieces against the same read octet by octet.
#include "dataplane/smtp/message_text.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace postern::smtp {
namespace {

using Stop = MessageText::Stop;

struct Outcome {
  std::string text;
  size_t octets = 0;  // read, the end of data included
  Stop stop = Stop::kText;
  uint32_t anomalies = 0;
  bool operator==(const Outcome&) const = default;
  friend void PrintTo(const Outcome& outcome, std::ostream* out) {
    *out << outcome.octets << " octets, stop " << static_cast<int>(outcome.stop) << ", anomalies "
         << outcome.anomalies << ", text " << ::testing::PrintToString(outcome.text);
  }
};

// Up to the end of data; a dubious end passes. `most` octets are offered at a time.
Outcome read(const std::string& wire, size_t most) {
  MessageText reader;
  Outcome out;
  std::string_view rest = wire;
  size_t offered = most;
  while (!rest.empty()) {
    const std::string_view next = rest.substr(0, offered);
    const auto piece = reader.next({reinterpret_cast<const uint8_t*>(next.data()), next.size()});
    out.text.append(reinterpret_cast<const char*>(piece.text.data()), piece.text.size());
    out.octets += piece.octets + piece.terminator;
    out.stop = piece.stop;
    rest.remove_prefix(piece.octets + piece.terminator);
    if (piece.stop == Stop::kEnd) break;
    // Nothing was taken: more is needed, or the octet in front is offered again.
    offered =
        piece.octets + piece.terminator == 0 && piece.text.empty() && piece.stop == Stop::kText
            ? offered + 1
            : most;
  }
  out.anomalies = reader.anomalies();
  return out;
}

TEST(MessageText, PlainLinesPass) {
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += std::string(static_cast<size_t>(i % 97), 'x') + "\r\n";
  const Outcome outcome = read(lines + ".\r\n", lines.size() + 3);
  EXPECT_EQ(outcome.text, lines);
  EXPECT_EQ(outcome.stop, Stop::kEnd);
  EXPECT_EQ(outcome.anomalies, 0u);
}

// Each thing that is out of the ordinary, at every place of the blocks that are read at once.
TEST(MessageText, NothingIsSkippedOver) {
  const std::string odd[] = {"\r\n.\r\n", "\r\n..x", "\r\n.x",  "\n.\r\n",  "\r.\r\n", "\r\n.\n",
                             "\n",        "\r",      {"\0", 1}, "\r\n\r\n", "\r\r\n",  "\n\n"};
  for (const std::string& middle : odd) {
    for (size_t before = 0; before < 140; ++before) {
      const std::string wire = "a" + std::string(before, 'b') + middle + std::string(70, 'c') +
                               "\r\n" + std::string(70, 'd') + "\r\n.\r\n";
      EXPECT_EQ(read(wire, wire.size()), read(wire, 1))
          << before << " octets before " << ::testing::PrintToString(middle);
    }
  }
}

TEST(MessageText, AnyTextIsReadTheSameInAnyPieces) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string wire;
    const size_t length = random() % 400;
    while (wire.size() < length) {
      switch (random() % 12) {
        case 0:
          wire += '.';
          break;
        case 1:
          wire += random() % 8 == 0 ? "\r" : "\r\n";
          break;
        case 2:
          wire += random() % 8 == 0 ? "\n" : "\r\n";
          break;
        case 3:
          if (random() % 8 == 0) wire += '\0';
          break;
        default:
          wire += std::string(random() % 40, 'x');
      }
    }
    wire += "\r\n.\r\n";
    const Outcome whole = read(wire, wire.size());
    EXPECT_EQ(whole, read(wire, 1)) << ::testing::PrintToString(wire);
    EXPECT_EQ(whole, read(wire, 1 + random() % 100)) << ::testing::PrintToString(wire);
  }
}

}  // namespace
}  // namespace postern::smtp
