// Reads SpamAssassin rule files (`*.cf`).
//
// Theory of operation. Lines are read one by one as SpamAssassin's own parser does: comments from
// an unescaped '#', no continuation lines, `if`/`ifplugin`/`else`/`endif` evaluated as
// SpamAssassin 4.0.1 with no plugin loaded would, `include` relative to the including file. A later
// definition, score or description of a name replaces an earlier one, across files too. Directives
// without meaning for Postern are counted in RuleSet::accepted; rules that need a plugin, the
// network or the envelope become rules with `not_run` set, or names in `skipped_rules`, and count
// as 0 in metas.
//
// An error never stops the reading: all of them are returned together, and then there is no rule
// set.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "patterns/language/replace_tags.h"
#include "patterns/language/rule.h"
#include "patterns/language/uri_host_lists.h"

namespace postern::language {

class Reader {
 public:
  using FileLoader =
      std::function<std::expected<std::string, std::string>(const std::filesystem::path&)>;

  // `load_file` gives the text of a source or an include, or says why it cannot. Default: from
  // disk.
  explicit Reader(FileLoader load_file = {});

  // A file, or a directory whose *.cf are read in the order of their names.
  void read(const std::filesystem::path& path);
  // `text` as if it were the file `path`.
  void read_text(const std::filesystem::path& path, std::string_view text);
  // Applies scores and descriptions, checks what metas refer to. Once, last.
  std::expected<RuleSet, std::vector<Diagnostic>> finish();

 private:
  struct OpenCondition {
    bool outer_skips;
    uint32_t line;
  };
  struct Settings {  // of a rule's name; may precede the rule or lack one
    bool has_score = false;
    double score = 0;
    std::string description;
    std::string flags;
    Place place;  // where the name was last set about
    Place score_place, flags_place;
  };

  void error(std::string what);
  void error_at(Place place, std::string what);
  void warn_at(Place place, std::string what);
  void line(std::string_view text);
  bool conditional(std::string_view key, std::string_view value);
  void directive(std::string_view key, std::string_view value);
  void include(std::string_view value);
  bool replace_tags(std::string_view key, std::string_view value);
  void accept(std::string_view name, std::string_view why);

  void define(std::string_view key, std::string_view value);
  void define_header(Rule& rule, std::string_view text);
  void define_mime_header(Rule& rule, std::string_view text);
  void define_list(Rule& rule, std::string_view text);
  void define_eval(Rule& rule, std::string_view call);
  void define_regexp(Rule& rule, std::string_view literal);
  Rule* new_rule(std::string_view name, Target target);
  void score(std::string_view value);
  void describe(std::string_view value);
  void flags(std::string_view value);

  void apply_settings();
  void apply_flags(Rule& rule, const Settings& settings);
  void warn_of_strays();
  void make_host_lists();
  void expand_tags();
  void expand_globs();
  void check_metas();
  bool check_rule_name(std::string_view name);

  FileLoader load_file_;
  RuleSet set_;
  std::vector<Diagnostic> errors_;
  std::unordered_map<std::string, uint32_t> rule_index_;
  std::unordered_map<std::string, Settings> settings_;
  ReplaceTags tags_;
  UriHostLists host_lists_;
  std::unordered_map<std::string, std::string> host_list_of_rule_;
  std::unordered_map<std::string, uint32_t> accepted_index_;
  std::unordered_map<std::string, bool> skipped_names_;
  std::vector<OpenCondition> conditions_;
  bool skips_ = false;
  int include_depth_ = 0;
  Place place_;
};

// Reads all sources into one set.
std::expected<RuleSet, std::vector<Diagnostic>> read_rules(
    std::span<const std::filesystem::path> sources);

}  // namespace postern::language
