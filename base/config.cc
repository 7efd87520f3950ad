#include "base/config.h"

#include <errno.h>  // program_invocation_short_name
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "base/duration.h"

namespace postern {
namespace {

// Edit distance (Levenshtein), for "did you mean".
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
    }
  }
  return row.back();
}

std::string_view nearest_key(std::string_view name, std::span<const ConfigKey> keys) {
  const auto last_part = [](std::string_view n) { return n.substr(n.rfind('.') + 1); };
  // A right key in a wrong section is nearer than its whole name suggests.
  const auto rank = [&](const ConfigKey& key) {
    return std::min(distance(name, key.name),
                    1 + 2 * distance(last_part(name), last_part(key.name)));
  };
  return std::ranges::min_element(keys, {}, rank)->name;
}

// The limits in words, for errors and for comments: "from 1 to 65535". Empty: none.
std::string limits_in_words(const ConfigKey& key) {
  const auto number = [&](double limit) {
    return key.type == ConfigType::kDuration
               ? format_duration(std::chrono::milliseconds(static_cast<int64_t>(limit)))
               : fmt::format("{}", limit);
  };
  const bool has_minimum = key.minimum != std::numeric_limits<double>::lowest();
  const bool has_maximum = key.maximum != std::numeric_limits<double>::max();
  if (has_minimum && has_maximum) {
    return fmt::format("from {} to {}", number(key.minimum), number(key.maximum));
  }
  if (has_minimum) return fmt::format("at least {}", number(key.minimum));
  if (has_maximum) return fmt::format("at most {}", number(key.maximum));
  return "";
}

// What may stand there: "a whole number from 1 to 65535".
std::string allowed(const ConfigKey& key) {
  std::string what;
  switch (key.type) {
    case ConfigType::kText:
      what = "text in quotes";
      break;
    case ConfigType::kInteger:
      what = "a whole number";
      break;
    case ConfigType::kNumber:
      what = "a number";
      break;
    case ConfigType::kBoolean:
      what = "true or false";
      break;
    case ConfigType::kDuration:
      what = "a duration in quotes such as \"30s\", \"5m\" or \"1h\"";
      break;
    case ConfigType::kChoice:
      what = fmt::format("one of \"{}\"", fmt::join(key.choices, "\", \""));
      break;
    case ConfigType::kTextList:
      what = "a list of texts, [\"…\", \"…\"]";
      break;
    case ConfigType::kIntegerList:
      what = "a list of whole numbers, [1, 2]";
      break;
  }
  const std::string limits = limits_in_words(key);
  if (limits.empty()) return what;
  return what + (key.type == ConfigType::kIntegerList ? ", each " : " ") + limits;
}

bool is_text_like(ConfigType type) {
  return type == ConfigType::kText || type == ConfigType::kDuration || type == ConfigType::kChoice;
}

// The default as TOML.
std::string default_as_toml(const ConfigKey& key) {
  if (!is_text_like(key.type)) return std::string(key.default_value);
  const toml::value<std::string> text(std::string(key.default_value));
  std::ostringstream out;
  out << toml::toml_formatter(text, toml::format_flags::none);  // "…" rather than '…'
  return out.str();
}

std::string wrapped_comment(std::string_view text) {
  std::string out, line = "#";
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > 98) {
      out += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  return out + line + "\n";
}

}  // namespace

// Reads one parsed file against the table.
class ConfigReader {
 public:
  ConfigReader(std::string_view name, std::span<const ConfigKey> keys) : name_(name), keys_(keys) {}

  std::expected<ConfigValues, std::string> read(std::string_view toml) {
    toml::table root;
    try {
      root = toml::parse(toml, name_);
    } catch (const toml::parse_error& error) {
      return std::unexpected(fmt::format("{}:{}: {}", name_, error.source().begin.line,
                                         std::string_view(error.description())));
    }
    read_table(root, "");
    for (const ConfigKey& key : keys_) {
      if (!values_.entries_.contains(key.name)) default_for(key);
    }
    if (mistakes_.empty()) return std::move(values_);
    return std::unexpected(fmt::format("{}", fmt::join(mistakes_, "\n")));
  }

 private:
  using Value = ConfigValues::Value;

  void mistake(const toml::node& node, std::string text) {
    mistakes_.push_back(fmt::format("{}:{}: {}", name_, node.source().begin.line, text));
  }

  const ConfigKey* find(std::string_view name) const {
    const auto key = std::ranges::find(keys_, name, &ConfigKey::name);
    return key == keys_.end() ? nullptr : &*key;
  }

  bool is_section(std::string_view name) const {
    return std::ranges::any_of(keys_, [&](const ConfigKey& key) {
      return key.name.starts_with(name) && key.name.substr(name.size()).starts_with('.');
    });
  }

  void read_table(const toml::table& table, const std::string& section) {
    for (const auto& [toml_key, node] : table) {
      const std::string name = section + std::string(toml_key.str());
      const ConfigKey* key = find(name);
      if (key == nullptr && node.is_table() && is_section(name)) {
        read_table(*node.as_table(), name + ".");
      } else if (key == nullptr && is_section(name)) {
        mistake(node, fmt::format("'{0}' is a section: write [{0}] and its keys under it", name));
      } else if (key == nullptr) {
        const bool unknown_section = node.is_table();
        mistake(node,
                fmt::format("unknown {} '{}'; the nearest known key is '{}'",
                            unknown_section ? "section" : "key", name, nearest_key(name, keys_)));
      } else if (std::optional<Value> value = read_value(*key, node)) {
        values_.entries_.insert_or_assign(name, ConfigValues::Entry{std::move(*value), true});
      } else {
        std::ostringstream found;
        found << toml::node_view(node);
        mistake(node, fmt::format("'{}' must be {}, not {}", name, allowed(*key), found.str()));
        values_.entries_.insert_or_assign(name, ConfigValues::Entry{});
      }
    }
  }

  static bool within_limits(const ConfigKey& key, double number) {
    return number >= key.minimum && number <= key.maximum;
  }

  // Nothing when the node is not what the key allows.
  static std::optional<Value> read_value(const ConfigKey& key, const toml::node& node) {
    if (is_text_like(key.type)) {
      if (!node.is_string()) return std::nullopt;
      return read_text(key, node.as_string()->get());
    }
    switch (key.type) {
      case ConfigType::kInteger:
        if (!node.is_integer() || !within_limits(key, double(node.as_integer()->get()))) break;
        return node.as_integer()->get();
      case ConfigType::kNumber:
        if (!node.is_number() || !within_limits(key, *node.value<double>())) break;
        return *node.value<double>();
      case ConfigType::kBoolean:
        if (!node.is_boolean()) break;
        return node.as_boolean()->get();
      case ConfigType::kTextList:
        return read_list<std::string>(key, node);
      case ConfigType::kIntegerList:
        return read_list<int64_t>(key, node);
      default:
        break;
    }
    return std::nullopt;
  }

  static std::optional<Value> read_text(const ConfigKey& key, const std::string& text) {
    if (key.type == ConfigType::kDuration) {
      const auto duration = parse_duration(text);
      if (!duration || !within_limits(key, double(duration->count()))) return std::nullopt;
      return *duration;
    }
    if (key.type == ConfigType::kChoice &&
        std::ranges::find(key.choices, text) == key.choices.end()) {
      return std::nullopt;
    }
    return text;
  }

  template <typename T>
  static std::optional<Value> read_list(const ConfigKey& key, const toml::node& node) {
    if (!node.is_array()) return std::nullopt;
    std::vector<T> list;
    for (const toml::node& element : *node.as_array()) {
      const std::optional<T> value = element.value_exact<T>();
      if (!value) return std::nullopt;
      if constexpr (std::is_same_v<T, int64_t>) {
        if (!within_limits(key, double(*value))) return std::nullopt;
      }
      list.push_back(*value);
    }
    return list;
  }

  void default_for(const ConfigKey& key) {
    if (key.required) {
      mistakes_.push_back(fmt::format("{}: '{}' is missing: it must be {}, for example {} ({})",
                                      name_, key.name, allowed(key), default_as_toml(key),
                                      key.help));
      return;
    }
    const toml::table table = toml::parse(fmt::format("v = {}", default_as_toml(key)));
    std::optional<Value> value = read_value(key, *table.get("v"));
    // An empty default stands for "not set", whatever the limits.
    if (!value && key.default_value.empty()) value = Value(std::string());
    if (!value) throw std::logic_error(fmt::format("default of configuration key {}", key.name));
    values_.entries_.insert_or_assign(std::string(key.name),
                                      ConfigValues::Entry{std::move(*value)});
  }

  std::string name_;
  std::span<const ConfigKey> keys_;
  ConfigValues values_;
  std::vector<std::string> mistakes_;
};

template <typename T>
const T& ConfigValues::get(std::string_view name) const {
  const auto entry = entries_.find(name);
  if (entry == entries_.end() || !std::holds_alternative<T>(entry->second.value)) {
    throw std::logic_error(fmt::format("no configuration key {} of this type", name));
  }
  return std::get<T>(entry->second.value);
}

const std::string& ConfigValues::text(std::string_view name) const {
  return get<std::string>(name);
}
int64_t ConfigValues::integer(std::string_view name) const { return get<int64_t>(name); }
double ConfigValues::number(std::string_view name) const { return get<double>(name); }
bool ConfigValues::boolean(std::string_view name) const { return get<bool>(name); }
std::chrono::milliseconds ConfigValues::duration(std::string_view name) const {
  return get<std::chrono::milliseconds>(name);
}
const std::vector<std::string>& ConfigValues::text_list(std::string_view name) const {
  return get<std::vector<std::string>>(name);
}
const std::vector<int64_t>& ConfigValues::integer_list(std::string_view name) const {
  return get<std::vector<int64_t>>(name);
}
bool ConfigValues::is_set(std::string_view name) const {
  const auto entry = entries_.find(name);
  return entry != entries_.end() && entry->second.from_file;
}

std::expected<ConfigValues, std::string> parse_config(std::string_view toml, std::string_view name,
                                                      std::span<const ConfigKey> keys) {
  return ConfigReader(name, keys).read(toml);
}

std::expected<ConfigValues, std::string> load_config(const std::filesystem::path& file,
                                                     std::span<const ConfigKey> keys) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream content;
  if (!stream || std::filesystem::is_directory(file) || !(content << stream.rdbuf(), stream)) {
    const int code = std::filesystem::is_directory(file) ? EISDIR : errno;
    return std::unexpected(fmt::format(
        "cannot read the configuration {}: {}; `{} --help-config > {}` writes one to start from",
        file.string(), std::strerror(code), program_invocation_short_name, file.string()));
  }
  return parse_config(content.str(), file.string(), keys);
}

std::string describe_config(std::span<const ConfigKey> keys) {
  std::string out, section;
  for (const ConfigKey& key : keys) {
    const size_t dot = key.name.rfind('.');
    const std::string own_section(dot == std::string_view::npos ? "" : key.name.substr(0, dot));
    if (!out.empty()) out += "\n";
    if (own_section != section) {
      out += fmt::format("[{}]\n", own_section);
      section = own_section;
    }
    std::string help(key.help);
    if (key.type == ConfigType::kChoice)
      help += fmt::format(" One of: {}.", fmt::join(key.choices, ", "));
    if (const std::string limits = limits_in_words(key); !limits.empty()) {
      help += fmt::format(" {}{}.", static_cast<char>(std::toupper(limits[0])), limits.substr(1));
    }
    if (key.required) help += " Required: there is no default.";
    out += wrapped_comment(help);
    out += fmt::format("{} = {}\n", key.name.substr(dot + 1), default_as_toml(key));
  }
  return out;
}

}  // namespace postern
