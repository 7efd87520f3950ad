#include "patterns/language/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include <algorithm>

#include <map>

namespace postern::language {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

RuleSet read(std::string_view text) {
  Reader reader;
  reader.read_text("test.cf", text);
  auto set = reader.finish();
  if (!set) {
    for (const auto& error : set.error()) ADD_FAILURE() << error.to_string();
    return {};
  }
  return *set;
}

std::vector<std::string> errors_of(std::string_view text) {
  Reader reader;
  reader.read_text("test.cf", text);
  auto set = reader.finish();
  std::vector<std::string> out;
  if (!set) {
    for (const auto& error : set.error()) out.push_back(error.to_string());
  }
  return out;
}

const Rule& rule(const RuleSet& set, std::string_view name) {
  static const Rule none;
  for (const Rule& rule : set.rules) {
    if (rule.name == name) return rule;
  }
  ADD_FAILURE() << "no rule " << name;
  return none;
}

TEST(Reader, reads_every_kind_of_rule) {
  const RuleSet set = read(R"(
# a comment
header   SUBJ   Subject =~ /Free/i     # behind
describe SUBJ   Says it is free
score    SUBJ   2.5
  body     BODY  m{free \#1}x
rawbody  RAW    /<b>/
URI      LINK   /\.exe$/i
full     FULL   /^Received: .*evil/m
meta     ALL    SUBJ && (BODY || RAW) && !LINK
score    ALL    1 2 3 4
header   NOTO   exists:To
header   NEG    From !~ /x/
header   ADDR   From:addr =~ /@evil/
header   NAME   From:name:raw =~ /x/
header   COLON  X-Mailer: =~ /x/
header   UNSET  To =~ /^none$/ [if-unset: none]
)");
  ASSERT_THAT(set.rules, SizeIs(12));
  EXPECT_EQ(rule(set, "SUBJ").header.field, "subject");
  EXPECT_EQ(rule(set, "SUBJ").regexp, (Regexp{"Free", kCaseless}));
  EXPECT_EQ(rule(set, "SUBJ").description, "Says it is free");
  EXPECT_EQ(rule(set, "SUBJ").score, 2.5);
  EXPECT_EQ(rule(set, "SUBJ").place.line, 3u);
  EXPECT_EQ(rule(set, "BODY").regexp, (Regexp{"free #1", kExtended}));
  EXPECT_EQ(rule(set, "RAW").target, Target::kRawBody);
  EXPECT_EQ(rule(set, "LINK").target, Target::kUri);
  EXPECT_EQ(rule(set, "FULL").target, Target::kFull);
  EXPECT_THAT(rule(set, "ALL").meta, SizeIs(8));
  EXPECT_EQ(rule(set, "ALL").score, 1.0);  // of four the first
  EXPECT_TRUE(rule(set, "NOTO").exists);
  EXPECT_TRUE(rule(set, "NEG").negated);
  EXPECT_EQ(to_string(rule(set, "ADDR").header), "from:addr");
  EXPECT_EQ(to_string(rule(set, "NAME").header), "from:name:raw");
  EXPECT_EQ(rule(set, "COLON").header.field, "x-mailer");
  EXPECT_EQ(rule(set, "UNSET").if_unset, "none");
  EXPECT_EQ(rule(set, "UNSET").regexp.pattern, "^none$");
}

TEST(Reader, default_scores) {
  const RuleSet set =
      read("body A /a/\nbody T_B /b/\nbody C /c/\ntflags C nice\nbody T_D /d/\ntflags T_D nice\n");
  EXPECT_EQ(rule(set, "A").score, 1.0);
  EXPECT_EQ(rule(set, "T_B").score, 0.01);
  EXPECT_EQ(rule(set, "C").score, -1.0);
  EXPECT_EQ(rule(set, "T_D").score, -0.01);
}

TEST(Reader, later_lines_replace_earlier_ones) {
  const RuleSet set = read(
      "score A 3\nbody A /a/\nheader A From =~ /b/\nscore A 4\nscore A (0.5)\ndescribe A "
      "x\ndescribe A y\n");
  ASSERT_THAT(set.rules, SizeIs(1));
  EXPECT_EQ(rule(set, "A").target, Target::kHeader);
  EXPECT_EQ(rule(set, "A").score, 4.5);
  EXPECT_EQ(rule(set, "A").description, "y");
}

TEST(Reader, a_flag_that_nobody_knows_is_a_warning) {
  const RuleSet set =
      read("body A /a/\ntflags A multple maxhits=5\nscore A 2\nbody B /b/\ntflags B net\n");
  ASSERT_EQ(set.warnings.size(), 1U);
  EXPECT_EQ(set.warnings[0].line, 2U);
  EXPECT_NE(set.warnings[0].what.find("'multple'"), std::string::npos);
}

TEST(Reader, a_file_that_is_no_text_is_told_once) {
  const std::string path = testing::TempDir() + "postern-reader-test.psig";
  std::ofstream(path) << "body A /a/\n" << std::string(10, '\0') << "\nbody B /b/\n";
  const auto set = read_rules(std::vector<std::filesystem::path>{path});
  ASSERT_FALSE(set);
  ASSERT_EQ(set.error().size(), 1U);
  EXPECT_NE(set.error()[0].what.find("is no text"), std::string::npos);
  std::filesystem::remove(path);
}

TEST(Reader, flags) {
  const RuleSet set = read("body A /a/\ntflags A multiple maxhits=5 nosubject publish\n");
  EXPECT_TRUE(rule(set, "A").multiple);
  EXPECT_EQ(rule(set, "A").maximum_hits, 5u);
  EXPECT_TRUE(rule(set, "A").no_subject);
}

TEST(Reader, tags_are_replaced_where_asked_for_wherever_they_stand) {
  const RuleSet set = read(R"(
body ONE /<V>x/i
body TWO /<V>x/i
replace_rules ONE
replace_tag V [v\x7c]
ifplugin Mail::SpamAssassin::Plugin::ReplaceTags
replace_rules NOBODY
endif
)");
  EXPECT_EQ(rule(set, "ONE").regexp, (Regexp{"[v\\x7c]x", kCaseless}));
  EXPECT_EQ(rule(set, "TWO").regexp, (Regexp{"<V>x", kCaseless}));
  EXPECT_THAT(errors_of("body A /<V>/\nreplace_tag V (\nreplace_rules A\n"),
              ElementsAre(HasSubstr("test.cf:1: body A: with its tags replaced")));
}

TEST(Reader, headers_of_mime_parts) {
  const RuleSet set = read(
      "mimeheader A Content-Type =~ /x/\nmimeheader B Content-ID:raw !~ /x/\n"
      "mimeheader C Content-Type =~ /x/ [if-unset: no]\nmimeheader D ALL =~ /x/\n"
      "mimeheader E Content-Type =~ /x/\ntflags E concat\n"
      "mimeheader F Content-Type =~ /x/ [if-unset: no]\ntflags F concat\n"
      "mimeheader G Content-Type =~ /x/\ntflags G range=2-3\n"
      "mimeheader H Content-Type =~ /x/\ntflags H range=2-\n"
      "mimeheader I Content-Type =~ /x/\ntflags I range=-3\n"
      "mimeheader J Content-Type =~ /x/\ntflags J range=2\n");
  using Source = HeaderSelector::Source;
  EXPECT_EQ(rule(set, "A").header,
            (HeaderSelector{.source = Source::kPartField, .raw = false, .field = "content-type"}));
  EXPECT_TRUE(rule(set, "B").header.raw);
  EXPECT_TRUE(rule(set, "B").negated);
  EXPECT_EQ(rule(set, "C").if_unset, "no");
  EXPECT_EQ(rule(set, "D").header, (HeaderSelector{.source = Source::kPartField, .field = ""}));
  EXPECT_TRUE(rule(set, "E").header.concatenated);
  EXPECT_NE(rule(set, "F").not_run, "");
  const auto parts = [&](std::string_view name) {
    const HeaderSelector& header = rule(set, name).header;
    return std::pair<int, int>(header.first_part, header.last_part);
  };
  EXPECT_EQ(parts("E"), std::pair(0, 1000));
  EXPECT_EQ(parts("G"), std::pair(2, 3));
  EXPECT_EQ(parts("H"), std::pair(2, 1000));
  EXPECT_EQ(parts("I"), std::pair(0, 3));
  EXPECT_EQ(parts("J"), std::pair(2, 2));
  EXPECT_THAT(errors_of("mimeheader A exists:To\nmimeheader B From:addr =~ /x/\n"), SizeIs(2));
}

TEST(Reader, warns_of_what_is_hardly_meant) {
  const RuleSet set = read(R"(
body A /a/
body A /b/
score AB 3
describe AC text
ifplugin Mail::SpamAssassin::Plugin::SPF
body SPF /x/
endif
meta M SPF && A
)");
  std::vector<std::string> said;
  for (const auto& warning : set.warnings) said.push_back(warning.to_string());
  EXPECT_THAT(said, ::testing::UnorderedElementsAre(
                        HasSubstr("test.cf:3: A is defined again, and its definition at test.cf:2"),
                        HasSubstr("test.cf:4: score AB: no rule"),
                        HasSubstr("test.cf:5: describe AC: no rule"),
                        HasSubstr("test.cf:9: meta M uses SPF")));
}

TEST(Reader, conditions) {
  const RuleSet set = read(R"(
ifplugin Mail::SpamAssassin::Plugin::SPF
body INSIDE /x/
else
body OUTSIDE /x/
endif
if (version >= 3.004000)
body NEW /x/
if version < 4
body OLD /x/
endif
endif
if !plugin(Mail::SpamAssassin::Plugin::SPF) && can(Mail::SpamAssassin::Conf::feature_bug6558_free)
body BOTH /x/
endif
if (plugin(Postern))
helo HELO /x/
endif
if can(Mail::SpamAssassin::Plugin::BodyEval::has_check_body_length)
body LENGTH /x/
endif
if can(Mail::SpamAssassin::Plugin::HeaderEval::has_check_body_length)
body OTHER_LENGTH /x/
endif
if can(Mail::SpamAssassin::Plugin::ASN::has_check_asn)
if (version >= 1)
body NESTED /x/
else
body NESTED_ELSE /x/
endif
endif
meta M INSIDE || OLD || NESTED || NESTED_ELSE
)");
  std::vector<std::string> names;
  for (const Rule& each : set.rules) names.push_back(each.name);
  EXPECT_THAT(names, ElementsAre("OUTSIDE", "NEW", "BOTH", "HELO", "LENGTH", "M"));
  EXPECT_THAT(set.skipped_rules,
              ElementsAre("INSIDE", "NESTED", "NESTED_ELSE", "OLD", "OTHER_LENGTH"));
}

TEST(Reader, what_has_no_meaning_here_is_listed) {
  const RuleSet set = read(R"(
required_score 5
report-safe 1
report_safe 0
askdns ASK _X_ A 127.0.0.2
lang de describe A etwas
lang en describe A something
body A /a/
score NOWHERE 3
header EVAL eval:check_for_x()
header RELAY ALL-External =~ /x/
body WIDE /[c\x{441}]/
uri CAP m|^http://%{OTHER}|
meta M ASK || EVAL
)");
  std::map<std::string, uint32_t> accepted;
  for (const auto& directive : set.accepted) accepted[directive.name] = directive.count;
  EXPECT_EQ(
      accepted,
      (std::map<std::string, uint32_t>{
          {"required_score", 1}, {"report_safe", 2}, {"askdns", 1}, {"lang", 1}, {"score", 1}}));
  EXPECT_EQ(set.accepted[0].first.line, 2u);
  EXPECT_EQ(rule(set, "A").description, "something");
  EXPECT_THAT(rule(set, "EVAL").not_run,
              HasSubstr("eval:check_for_x needs SpamAssassin's Perl code"));
  EXPECT_THAT(rule(set, "RELAY").not_run, HasSubstr("pseudo header ALL-External"));
  EXPECT_THAT(rule(set, "WIDE").not_run, HasSubstr("UTF-8 bytes"));
  EXPECT_THAT(rule(set, "CAP").not_run, HasSubstr("captured"));
}

TEST(Reader, globs_become_sums) {
  const RuleSet set =
      read("body A1 /a/\nbody A2 /a/\nbody B /b/\nmeta AX rules_matching(A*) > 1\n");
  std::vector<std::string> used;
  for (const MetaToken& token : rule(set, "AX").meta) {
    if (token.op == MetaOperator::kRule) used.push_back(token.rule);
  }
  EXPECT_THAT(used, ElementsAre("A1", "A2"));
}

struct BadLine {
  const char* text;
  const char* error;
};

constexpr BadLine kBadLines[] = {
    {"bdy A /x/", "test.cf:1: unknown directive 'bdy'; expected header, body"},
    {"body", "test.cf:1: '' is no rule name"},
    {"body A", "test.cf:1: body A without a test"},
    {"body 1A /x/", "test.cf:1: '1A' is no rule name; expected letters"},
    {"body A-B /x/", "test.cf:1: 'A-B' is no rule name"},
    {"\n\nbody A /(x/", "test.cf:3: body A: missing closing parenthesis at character 2"},
    {"body A x", "test.cf:1: body A: no delimiters"},
    {"body A /x", "test.cf:1: body A: the regular expression is not closed"},
    {"header A Subject /x/", "test.cf:1: header A: no operator; expected FIELD =~"},
    {"header A Sub,ject =~ /x/", "test.cf:1: header A: 'Sub,ject' is no header field name"},
    {"header A From:adr =~ /x/",
     "test.cf:1: header A: unknown header modifier ':adr'; expected :raw, :addr"},
    {"header A exists:", "test.cf:1: header A: '' after exists:"},
    {"score A", "test.cf:1: score with 0 numbers; expected a rule name and 1 or 4 numbers"},
    {"score A 1 2", "test.cf:1: score with 2 numbers"},
    {"score A high", "test.cf:1: score A: 'high' is no number"},
    {"score A (1)", "test.cf:1: score A: relative to a score that was not set"},
    {"describe A", "test.cf:1: describe without a text"},
    {"tflags A", "test.cf:1: tflags without flags"},
    {"meta A B &&", "test.cf:1: meta A: the expression ends too early"},
    {"meta A B", "test.cf:1: meta A uses B, which no file defines"},
    {"meta A B\nmeta B !C\nmeta C A", "meta C depends on itself: A → B → C → A"},
    {"meta A A", "test.cf:1: meta A depends on itself: A → A"},
    {"if version > 1\nbody A /x/", "test.cf:1: this condition is not closed; expected endif"},
    {"endif", "test.cf:1: endif without if"},
    {"else", "test.cf:1: else without if"},
    {"if version > 1\nendif x", "test.cf:2: text after endif"},
    {"if\nendif", "test.cf:1: if: the condition ends too early"},
    {"if version >\nendif",
     "test.cf:1: if: the condition ends too early; expected version, plugin"},
    {"if moon\nendif", "test.cf:1: if: unexpected 'm' in the condition"},
    {"include", "test.cf:1: include without a file name"},
    {"include /does/not/exist.cf", "test.cf:1: include /does/not/exist.cf: cannot be opened"},
};

TEST(Reader, errors_name_the_line_and_what_was_expected) {
  for (const BadLine& bad : kBadLines) {
    const auto errors = errors_of(bad.text);
    ASSERT_THAT(errors, SizeIs(1)) << bad.text;
    EXPECT_THAT(errors[0], HasSubstr(bad.error));
  }
}

TEST(Reader, all_errors_are_told) {
  EXPECT_THAT(errors_of("body A (\nbody B /x/\nscore B x\nmeta C NOPE\n"), SizeIs(3));
}

TEST(Reader, includes) {
  std::map<std::string, std::string> files{
      {"rules/main.cf", "include more.cf\nbody A /a/\n"},
      {"rules/more.cf", "include sub/deep.cf\nbody B /b/\n"},
      {"rules/sub/deep.cf", "body C /(/\n"},
      {"rules/loop.cf", "include loop.cf\n"},
      {"rules/open.cf", "if version > 1\ninclude half.cf\nbody D /d/\nendif\n"},
      {"rules/half.cf", "if version < 1\n"},
  };
  const Reader::FileLoader loader =
      [&](const std::filesystem::path& path) -> std::expected<std::string, std::string> {
    const auto found = files.find(path.string());
    if (found == files.end()) return std::unexpected("not there");
    return found->second;
  };
  Reader nested(loader);
  nested.read("rules/main.cf");
  const auto nested_set = nested.finish();
  ASSERT_FALSE(nested_set);
  EXPECT_THAT(nested_set.error()[0].to_string(), HasSubstr("rules/sub/deep.cf:1: body C"));

  Reader loop(loader);
  loop.read("rules/loop.cf");
  const auto loop_set = loop.finish();
  ASSERT_FALSE(loop_set);
  EXPECT_THAT(loop_set.error()[0].what, HasSubstr("includes nest deeper"));

  // A condition left open in an included file ends with it.
  Reader open(loader);
  open.read("rules/open.cf");
  const auto open_set = open.finish();
  ASSERT_FALSE(open_set);
  ASSERT_THAT(open_set.error(), SizeIs(1));
  EXPECT_EQ(open_set.error()[0].to_string().substr(0, 18), "rules/half.cf:1: t");
}

TEST(Reader, sources_carry_their_digest) {
  Reader reader;
  reader.read_text("a.cf", "");
  const auto set = reader.finish();
  ASSERT_TRUE(set);
  ASSERT_THAT(set->files, SizeIs(1));
  // sha256sum of no bytes at all
  EXPECT_EQ(set->files[0].sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// Lines of rule files and what is said of them.
TEST(Reader, eval_rules) {
  Reader reader;
  reader.read_text(
      "a.cf",
      "ifplugin Mail::SpamAssassin::Plugin::HTMLEval\n"
      "body A eval:html_image_only('0000','0400')\nendif\n"
      "ifplugin Mail::SpamAssassin::Plugin::Bayes\nbody B eval:check_bayes(0, 1)\nendif\n"
      "body C eval:check_bayes(0, 1)\n"
      "rawbody D eval:check_for_mime( \"mime_qp_count\" )\n"
      "body E eval:check_for_mime('mimepart_limit_exceeded')\n");
  const auto set = reader.finish();
  ASSERT_TRUE(set);
  ASSERT_EQ(set->rules.size(), 4u);
  EXPECT_EQ(set->rules[0].eval, (EvalCall{"html_image_only", {"0000", "0400"}}));
  EXPECT_EQ(set->rules[1].not_run, "eval:check_bayes needs SpamAssassin's Perl code");
  EXPECT_EQ(set->rules[2].eval, (EvalCall{"check_for_mime", {"mime_qp_count"}}));
  EXPECT_EQ(set->rules[2].target, Target::kRawBody);
  EXPECT_NE(set->rules[3].not_run, "");
}

TEST(Reader, eval_arguments_are_checked) {
  const std::pair<const char*, const char*> table[] = {
      {"html_image_only('a', 1)",
       "a.cf:1: body X: eval:html_image_only: 'a' is no number; expected"},
      {"html_image_only(1)", "eval:html_image_only with 1 arguments; expected 2"},
      {"html_image_only(1, 2", "expected ')' at the end"},
      {"html_tag_balance('body', 'maybe')", "'maybe' is no comparison; expected one such as != 0"},
      {"html_text_match('title', '(')", "eval:html_text_match: "},
      {"check_for_shifted_date('now', 1)", "'now' is no limit; expected a number, undef or inf"},
      {"html_tag_exists('body)", "a quote is not closed"},
  };
  for (const auto& [call, expected] : table) {
    Reader reader;
    reader.read_text("a.cf", std::string("body X eval:") + call + "\n");
    const auto set = reader.finish();
    ASSERT_FALSE(set) << call;
    EXPECT_NE(set.error()[0].to_string().find(expected), std::string::npos)
        << set.error()[0].to_string();
  }
}

TEST(Reader, settings_of_functions) {
  Reader reader;
  reader.read_text("a.cf",
                   "freemail_domains A.example gmx.*\nfreemail_max_body_emails 3\n"
                   "freemail_whitelist bob@a.example\nfreemail_domains b.example\n"
                   "freemail_max_body_emails 7\nfreemail_welcomelist c.example\n");
  const auto set = reader.finish();
  ASSERT_TRUE(set);
  EXPECT_EQ(set->settings, (std::vector<FunctionSetting>{
                               {"freemail_domains", {"a.example", "gmx.*", "b.example"}},
                               {"freemail_max_body_emails", {"7"}},
                               {"freemail_welcomelist", {"bob@a.example", "c.example"}}}));
  EXPECT_TRUE(set->accepted.empty());
  Reader wrong;
  wrong.read_text("b.cf",
                  "freemail_domains a_b.example\nfreemail_max_body_emails many\n"
                  "freemail_welcomelist @\nfreemail_domains\n");
  const auto errors = wrong.finish();
  ASSERT_FALSE(errors);
  ASSERT_EQ(errors.error().size(), 4u);
  EXPECT_THAT(errors.error()[0].to_string(),
              ::testing::HasSubstr("b.cf:1: freemail_domains: 'a_b.example' is no domain"));
  EXPECT_THAT(errors.error()[1].what, ::testing::HasSubstr("'many' is no number"));
  EXPECT_THAT(errors.error()[2].what, ::testing::HasSubstr("neither an address nor a domain"));
  EXPECT_THAT(errors.error()[3].what, ::testing::HasSubstr("with 0 words; expected some"));
}

TEST(Reader, lists_of_addresses_and_hosts) {
  Reader reader;
  reader.read_text(
      "a.cf",
      "header A eval:check_uri_host_listed('X')\nbody B eval:check_uri_host_in_blacklist()\n"
      "enlist_addrlist (P q) *@A.example\nenlist_addrlist (P q) b@b.example\n"
      "enlist_uri_host (X) One.example !two.example three.example\n"
      "delist_uri_host three.example\nblocklist_uri_host four.example\n");
  const auto set = reader.finish();
  ASSERT_TRUE(set);
  EXPECT_EQ(
      set->settings,
      (std::vector<FunctionSetting>{{"enlist_addrlist", {"*@a.example", "b@b.example"}, "P q"}}));
  ASSERT_EQ(set->rules[0].target, Target::kList);
  EXPECT_EQ(set->rules[0].list.places, kInLinks);
  const auto table = lists::ListTable::open(*set->rules[0].list.block);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->size(), 2u);
  EXPECT_EQ(table->marks(lists::hash_of("one.example")), lists::kListed | lists::kListedBelow);
  EXPECT_EQ(table->marks(lists::hash_of("two.example")), lists::kExcluded | lists::kExcludedBelow);
  const auto blocked = lists::ListTable::open(*set->rules[1].list.block);
  EXPECT_NE(blocked->marks(lists::hash_of("four.example")), 0);
  Reader wrong;
  wrong.read_text("b.cf", "enlist_addrlist a@b.example\nenlist_uri_host a.example\n");
  const auto errors = wrong.finish();
  ASSERT_FALSE(errors);
  ASSERT_EQ(errors.error().size(), 2u);
  EXPECT_THAT(errors.error()[0].what, ::testing::HasSubstr("no list; expected (NAME)"));
  EXPECT_THAT(errors.error()[1].what, ::testing::HasSubstr("no list; expected (NAME)"));
}

TEST(Reader, list_rules) {
  Reader reader([](const std::filesystem::path& path) -> std::expected<std::string, std::string> {
    if (path == "sets/good.txt") return "a.example\n";
    if (path == "sets/empty.txt") return "# nothing\n";
    if (path == "sets/bad.txt") return "a.example\nno name\n";
    return std::unexpected("cannot be opened; expected a readable rule file");
  });
  reader.read_text(
      "sets/a.cf",
      "list A domains good.txt in=links,from\nlist B domains empty.txt\n"
      "list C domains bad.txt\nlist D names good.txt\nlist E domains gone.txt\n"
      "list F sha256 good.txt in=from\nlist G domains\nlist H domains good.txt in=body\n");
  const auto set = reader.finish();
  ASSERT_FALSE(set);
  std::vector<std::string> errors;
  for (const auto& error : set.error()) errors.push_back(error.to_string());
  const auto told = [&](std::string_view text) {
    return std::ranges::any_of(errors,
                               [&](const std::string& e) { return e.find(text) != e.npos; });
  };
  EXPECT_TRUE(told("sets/bad.txt:2: list C: 'no name' is no domain; expected"));
  EXPECT_TRUE(told("sets/a.cf:4: list D: 'names' is no kind of list; expected domains"));
  EXPECT_TRUE(told("sets/a.cf:5: list E: sets/gone.txt: cannot be opened"));
  EXPECT_TRUE(told("sets/a.cf:6: list F: unknown option 'in=from'; expected"));
  EXPECT_TRUE(told("sets/a.cf:7: list G: no file; expected its path"));
  EXPECT_TRUE(told("sets/a.cf:8: list H: in=body: unknown place; expected links"));
}

}  // namespace
}  // namespace postern::language
