// Configuration of both processes: TOML read against a table of keys.
//
// Theory of operation. A process declares its keys once, as a table of ConfigKey; the table alone
// says what may stand in the file, in which limits, what holds when it does not, and what it is
// for. load_config() reads a file against it and reports *every* mistake, each with file and line;
// describe_config() writes the documented file from it (`--help-config`, the docs). A program asks
// for a value by name; asking for a name or a type that the table lacks is a mistake in the
// program.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace postern {

enum class ConfigType {
  kText,
  kInteger,
  kNumber,  // an integer is taken as well
  kBoolean,
  kDuration,  // text such as "30s" (base/duration.h)
  kChoice,    // text, one of `choices`
  kTextList,
  kIntegerList,
};

struct ConfigKey {
  std::string_view name = {};  // "signatures.threshold": section and key; "threshold" has none
  ConfigType type = ConfigType::kText;
  // What holds when the file does not say: text, durations and choices bare, others as in TOML
  // ("5.0", "true", "[25, 587]"). For a required key only an example for describe_config().
  std::string_view default_value = {};
  std::string_view help = {};  // one or more sentences; wrapped as comment
  bool required = false;
  // Integers and numbers, the elements of an integer list; durations in milliseconds.
  double minimum = std::numeric_limits<double>::lowest();
  double maximum = std::numeric_limits<double>::max();
  std::vector<std::string_view> choices = {};
};

// The values of one file, every key of the table present.
class ConfigValues {
 public:
  const std::string& text(std::string_view name) const;  // also choices
  int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::chrono::milliseconds duration(std::string_view name) const;
  const std::vector<std::string>& text_list(std::string_view name) const;
  const std::vector<int64_t>& integer_list(std::string_view name) const;
  // True when the file itself names the key.
  bool is_set(std::string_view name) const;

 private:
  friend class ConfigReader;
  using Value = std::variant<std::string, int64_t, double, bool, std::chrono::milliseconds,
                             std::vector<std::string>, std::vector<int64_t>>;
  struct Entry {
    Value value;
    bool from_file = false;
  };
  template <typename T>
  const T& get(std::string_view name) const;
  std::map<std::string, Entry, std::less<>> entries_;
};

// The error has a line for each mistake: "FILE:LINE: what is wrong, and what may stand there".
std::expected<ConfigValues, std::string> load_config(const std::filesystem::path& file,
                                                     std::span<const ConfigKey> keys);
// The same from text; `name` stands for the file in errors.
std::expected<ConfigValues, std::string> parse_config(std::string_view toml, std::string_view name,
                                                      std::span<const ConfigKey> keys);

// The documented configuration file with every key at its default; load_config() accepts it. Keys
// of a section stand together in the table, keys without a section first.
std::string describe_config(std::span<const ConfigKey> keys);

}  // namespace postern
