#include "patterns/artefact/artefact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::artefact {
namespace {

using ::testing::HasSubstr;

const Artefact& small_set() {
  static const Artefact set = [] {
    language::Reader reader([](const auto&) { return std::string("one.example\n.two.example\n"); });
    reader.read_text(
        "test.cf",
        "body A /a/\ndescribe A first\nscore A 2.5\nheader B From:addr =~ /^b(?!c)/\n"
        "meta C A && !B + 0.5\nbody D /d/\ntflags D multiple maxhits=3\nheader E exists:X\n"
        "body F eval:html_range('length', 1, 'inf')\nlist G domains list.txt in=from\n"
        "header H eval:check_freemail_from()\nfreemail_domains One.example\n"
        "freemail_domains two.*\nfreemail_max_body_emails 4\n");
    return compile::compile(
               *reader.finish(),
               {.compiler = "test", .placement = {.factoring = compile::Factoring::kNever}})
        ->artefact;
  }();
  return set;
}

// Seals a changed file with its own checksum, so that what lies behind it is looked at.
void seal(std::vector<uint8_t>& file) {
  const Sha256 digest = digest_of(file);
  std::ranges::copy(digest, file.begin() + 24);
}

TEST(Artefact, round_trip) {
  const Artefact& set = small_set();
  const std::vector<uint8_t> file = serialise(set);
  const auto back = parse(file);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(serialise(*back), file);
  ASSERT_EQ(back->rules.size(), 8u);
  EXPECT_EQ(back->rules[0].name, "A");
  EXPECT_EQ(back->rules[0].score, 2.5);
  EXPECT_EQ(back->rules[0].description, "first");
  EXPECT_EQ(back->rules[3].maximum_hits, 3u);
  EXPECT_EQ(back->selectors[0].field, "from");
  ASSERT_EQ(back->evals.size(), 2u);
  EXPECT_EQ(back->evals[0].rule, 5u);
  EXPECT_EQ(back->evals[0].call, (language::EvalCall{"html_range", {"length", "1", "inf"}}));
  EXPECT_EQ(back->settings,
            (std::vector<language::FunctionSetting>{{"freemail_domains", {"one.example", "two.*"}},
                                                    {"freemail_max_body_emails", {"4"}}}));
  ASSERT_EQ(back->lists.size(), 1u);
  EXPECT_EQ(back->lists[0].rule, 6u);
  EXPECT_EQ(back->lists[0].places, language::kInFrom);
  const auto table = lists::ListTable::open(back->lists[0].block);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->marks(lists::hash_of("two.example")), lists::kListed | lists::kListedBelow);
  EXPECT_EQ(back->provenance.compiler, "test");
  EXPECT_EQ(back->provenance.sources[0].path, "test.cf");
}

// An artefact with a factored expression.
Artefact factored_set() {
  language::Reader reader;
  reader.read_text("test.cf", "body A /viagra|cialis/i\nbody B /b/\n");
  return compile::compile(*reader.finish(),
                          {.placement = {.factoring = compile::Factoring::kAlways}})
      ->artefact;
}

TEST(Artefact, factors_and_beginnings_go_round) {
  const Artefact set = factored_set();
  ASSERT_FALSE(set.factors.empty());
  ASSERT_FALSE(set.starts.empty());
  const auto back = parse(serialise(set));
  ASSERT_TRUE(back) << back.error();
  ASSERT_EQ(back->factors.size(), set.factors.size());
  EXPECT_EQ(back->factors[0].grams, set.factors[0].grams);
  EXPECT_EQ(back->factors[0].reach, set.factors[0].reach);
  ASSERT_EQ(back->starts.size(), set.starts.size());
  EXPECT_EQ(back->starts[0].first, set.starts[0].first);
  EXPECT_EQ(back->starts[0].thirds, set.starts[0].thirds);
}

TEST(Artefact, factors_and_beginnings_that_cannot_be_are_refused) {
  const auto error = [](auto change) {
    Artefact set = factored_set();
    change(set);
    const auto parsed = parse(serialise(set));
    return parsed ? std::string("accepted") : parsed.error();
  };
  EXPECT_THAT(error([](Artefact& set) { set.starts[0].expression = 999; }),
              HasSubstr("belong to no factored expression"));
  EXPECT_THAT(error([](Artefact& set) { set.starts.insert(set.starts.begin(), set.starts[0]); }),
              HasSubstr("out of order"));
  EXPECT_THAT(error([](Artefact& set) {
                set.factors[0].grams = {2, 1};
              }),
              HasSubstr("no grams in order"));
  EXPECT_THAT(error([](Artefact& set) { set.factors[0].least = 0; }), HasSubstr("too often"));
}

TEST(Artefact, layout_is_as_documented) {
  const std::vector<uint8_t> file = serialise(small_set());
  const uint8_t magic[] = {0x89, 0x50, 0x53, 0x49, 0x47, 0x0D, 0x0A, 0x1A};
  EXPECT_TRUE(std::equal(std::begin(magic), std::end(magic), file.begin()));
  EXPECT_EQ(file[8], 4);
  EXPECT_EQ(file[12], 11);
  uint64_t size = 0;
  for (int i = 7; i >= 0; --i) size = size << 8 | file[16 + static_cast<size_t>(i)];
  EXPECT_EQ(size, file.size());
}

TEST(Artefact, every_flipped_byte_is_refused) {
  std::vector<uint8_t> file = serialise(small_set());
  for (size_t i = 0; i < file.size(); ++i) {
    file[i] ^= 0x20;
    EXPECT_FALSE(parse(file)) << i;
    file[i] ^= 0x20;
  }
}

TEST(Artefact, every_truncation_is_refused) {
  const std::vector<uint8_t> file = serialise(small_set());
  for (size_t length = 0; length < file.size(); ++length) {
    EXPECT_FALSE(parse(std::span(file).first(length))) << length;
  }
  std::vector<uint8_t> longer = file;
  longer.push_back(0);
  EXPECT_FALSE(parse(longer));
}

TEST(Artefact, the_reason_is_told_and_what_to_do) {
  const std::vector<uint8_t> file = serialise(small_set());
  const auto error = [&](auto change) {
    std::vector<uint8_t> changed = file;
    change(changed);
    const auto parsed = parse(changed);
    return parsed ? std::string("accepted") : parsed.error();
  };
  EXPECT_THAT(error([](auto& f) { f[0] = 'x'; }), HasSubstr("not a compiled signature set"));
  EXPECT_THAT(error([](auto& f) { f[8] = 3; }),
              HasSubstr("format version 3, this postern reads version 4; compile"));
  EXPECT_THAT(error([](auto& f) { f.resize(f.size() / 2); }), HasSubstr("truncated"));
  EXPECT_THAT(error([](auto& f) { f.push_back(0); }), HasSubstr("bytes follow its end"));
  EXPECT_THAT(error([](auto& f) { f[700] ^= 1; }), HasSubstr("checksum does not match"));
}

// Damage under a right checksum, as a hostile file would have it: never trusted, whatever it says.
TEST(Artefact, every_flipped_byte_under_a_right_checksum_is_survived) {
  const std::vector<uint8_t> good = serialise(small_set());
  size_t refused = 0, accepted = 0;
  for (size_t i = 64; i < good.size(); ++i) {
    std::vector<uint8_t> file = good;
    file[i] ^= 0xFF;
    seal(file);
    const auto parsed = parse(file);
    ++(parsed ? accepted : refused);
    if (!parsed) continue;
    for (const auto& rule : parsed->rules)
      ASSERT_LT(rule.source, parsed->provenance.sources.size());
    for (const auto& list : parsed->lists) {
      const auto table = lists::ListTable::open(list.block);
      ASSERT_TRUE(table);
      table->marks(lists::hash_of("one.example"));
    }
    for (const auto& meta : parsed->metas) {
      for (const auto& instruction : meta.code) {
        if (instruction.op != language::MetaOperator::kRule) continue;
        ASSERT_LT(instruction.rule, parsed->rules.size());
      }
    }
  }
  EXPECT_GT(refused, 200u);  // table of sections, lengths, indices, enumerators
}

TEST(Artefact, file_is_replaced_whole) {
  const auto directory = std::filesystem::temp_directory_path() /
                         ("postern-artefact-test-" + std::to_string(getpid()));
  std::filesystem::create_directory(directory);
  const auto path = directory / "set.psig";
  ASSERT_TRUE(write(small_set(), path));
  const auto first = read(path);
  ASSERT_TRUE(first);
  ASSERT_TRUE(write(small_set(), path));
  EXPECT_EQ(read(path)->digest, first->digest);
  // Nothing is left beside it.
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) files += entry.exists();
  EXPECT_EQ(files, 1u);
  EXPECT_THAT(write(small_set(), directory / "no" / "set.psig").error(),
              HasSubstr("cannot create the file"));
  EXPECT_THAT(read(directory / "nothing.psig").error(),
              HasSubstr("cannot be opened: No such file"));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace postern::artefact
