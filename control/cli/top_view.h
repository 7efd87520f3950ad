// `postern top`'s screen as lines of text, apart from any terminal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/channel/cases.pb.h"
#include "control/channel/operator.pb.h"

namespace postern::cli {

// One look at the control process.
struct TopFrame {
  uint64_t at_unix_ms = 0;  // when it answered last
  std::string away = {};    // why it does not answer now; empty: it does
  channel::v1::StatusReply status = {};
  channel::v1::ListCasesReply cases = {};  // those not closed
  channel::v1::ListSendersReply senders = {};
};

// Messages in a second of each data plane, by its name, between two looks.
struct TopRate {
  double messages = 0, refused = 0;
};
// Without those whose counters began anew in between.
std::map<std::string, TopRate> top_rates(const TopFrame& before, const TopFrame& now);

enum class TopOrder { kMessages, kSpam, kShare, kAddress };
inline constexpr std::string_view kTopOrderNames[] = {"messages", "spam", "share", "address"};

struct TopScreen {
  size_t columns = 80;
  size_t rows = 0;    // 0: as many as there are
  size_t scroll = 0;  // senders passed over
  TopOrder order = TopOrder::kMessages;
  bool paused = false;
  bool help = false;
};

struct TopLine {
  enum class Look { kPlain, kTitle, kHeading, kAlarm };
  std::string text = {};  // without control characters, no wider than the screen
  Look look = Look::kPlain;
  bool operator==(const TopLine&) const = default;
};

// Columns that do not fit are left out, the least telling first; what does not fit then is cut.
std::vector<TopLine> top_lines(const TopFrame& frame, const std::map<std::string, TopRate>& rates,
                               const TopScreen& screen);
nlohmann::ordered_json top_json(const TopFrame& frame, const std::map<std::string, TopRate>& rates,
                                TopOrder order);

}  // namespace postern::cli
