// What list rules are matched against, from the rule's text to the message's hits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "dataplane/scan/compiled.h"
#include "dataplane/scan/testing/rule_scan.h"

namespace postern::scan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A folder of list files, gone at the end.
class Lists : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "postern-lists-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  // The rules that the message hits.
  static std::set<std::string> hits(const std::string& rules, std::string_view message,
                                    std::string_view mail_from = "nobody@sender.example") {
    const auto set = testing::compile_rules(rules);
    MessageScan::Scratch scratch;
    EXPECT_TRUE(scratch.prepare(*set));
    MessageScan scan(mime::ReaderLimits{});
    scan.begin(set, &scratch);
    if (set->wants_envelope()) scan.envelope(language::Target::kMailFrom, mail_from);
    scan.feed({reinterpret_cast<const uint8_t*>(message.data()), message.size()});
    std::set<std::string> out;
    for (uint32_t rule : scan.finish().rules) out.emplace(set->rule_name(rule));
    return out;
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(Lists, domains_of_links) {
  const std::string rules =
      "list L domains " + file("a",
                               "exact.example.com\n.covered.example\n*.below.example\n"
                               "shop.co.uk\n!fine.covered.example\n");
  const auto hits_of = [&](std::string_view host) {
    return !hits(rules, "Subject: x\r\n\r\nsee http://" + std::string(host) + "/x\r\n").empty();
  };
  EXPECT_TRUE(hits_of("exact.example.com"));
  EXPECT_TRUE(hits_of("EXACT.example.com."));
  EXPECT_FALSE(hits_of("www.exact.example.com"));  // not below it, and not the registered domain
  EXPECT_FALSE(hits_of("example.com"));
  EXPECT_TRUE(hits_of("covered.example"));
  EXPECT_TRUE(hits_of("a.b.covered.example"));
  EXPECT_FALSE(hits_of("fine.covered.example"));
  EXPECT_FALSE(hits_of("below.example"));
  EXPECT_TRUE(hits_of("x.below.example"));
  EXPECT_TRUE(hits_of("www.shop.co.uk"));  // the registered domain is listed
  EXPECT_FALSE(hits_of("notcovered.example"));
}

TEST_F(Lists, where_domains_and_addresses_are_taken_from) {
  const std::string domains = file("d", "bad.example\n");
  const std::string addresses = file("a", "eve@bad.example\n");
  const std::string rules = "list LINK domains " + domains + "\nlist ENV domains " + domains +
                            " in=envelope\nlist FROM domains " + domains +
                            " in=from,reply_to\nlist ADDR addresses " + addresses +
                            "\nlist ADDR_ENV addresses " + addresses + " in=envelope\n";
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nhttp://bad.example/\r\n"), ElementsAre("LINK"));
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nhi\r\n", "Eve@Bad.example"),
              ElementsAre("ADDR", "ADDR_ENV", "ENV"));
  EXPECT_THAT(hits(rules, "From: Eve <eve@bad.example>\r\n\r\nhi\r\n"),
              ElementsAre("ADDR", "FROM"));
  // Its registered domain is listed, the address is not.
  EXPECT_THAT(hits(rules, "From: a@b.example\r\nReply-To: EVE@mx.bad.example\r\n\r\nhi\r\n"),
              ElementsAre("FROM"));
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nmailto:eve@bad.example?subject=x\r\n"),
              ElementsAre("ADDR"));
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nhi\r\n"), IsEmpty());
}

TEST_F(Lists, urls_with_and_without_query) {
  const std::string urls = file("u", "http://Bad.example/a?id=1\n");
  const std::string rules =
      "list WITH urls " + urls + "\nlist WITHOUT urls " + urls + " query=no\n";
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nhttp://bad.example:80/%61?id=1\r\n"),
              ElementsAre("WITH", "WITHOUT"));
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nhttp://bad.example/a?id=2\r\n"),
              ElementsAre("WITHOUT"));
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nhttp://bad.example/b\r\n"), IsEmpty());
}

// The digest is `printf hello | sha256sum`.
TEST_F(Lists, attachments) {
  const std::string rules =
      "list NAME file_names " + file("n", "Invoice.EXE\n") + "\nlist HASH sha256 " +
      file("s", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n") + "\n";
  constexpr std::string_view kHead =
      "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
      "Content-Disposition: attachment; filename=\"";
  const auto message = [&](std::string_view name, std::string_view text) {
    return std::string(kHead) + std::string(name) + "\"\r\n\r\n" + std::string(text) + "\r\n";
  };
  EXPECT_THAT(hits(rules, message("invoice.exe", "aGVsbG8=")), ElementsAre("HASH", "NAME"));
  EXPECT_THAT(hits(rules, message("x.exe", "aGVsbG8=")), ElementsAre("HASH"));
  EXPECT_THAT(hits(rules, message("invoice.exe", "aGVsbG9v")), ElementsAre("NAME"));
}

TEST_F(Lists, are_scored_and_used_in_metas) {
  const std::string rules = "list __BAD domains " + file("d", "bad.example\n") +
                            "\nbody __HI /hi/\nmeta BOTH (__BAD && __HI)\nscore BOTH 3\n";
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nhi http://bad.example/\r\n"), ElementsAre("BOTH"));
  EXPECT_THAT(hits(rules, "Subject: x\r\n\r\nho http://bad.example/\r\n"), IsEmpty());
}

}  // namespace
}  // namespace postern::scan
