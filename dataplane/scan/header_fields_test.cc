#include "dataplane/scan/header_fields.h"

#include <gtest/gtest.h>

#include <array>

#include "dataplane/scan/addresses.h"
#include "patterns/language/header_selector.h"

namespace postern::scan {
namespace {

struct AddressCase {
  const char* field;
  const char* addresses;  // joined by "|"
  const char* names;
};

// What Mail::SpamAssassin 4.0.1's parse_header_addresses() returns for the same text.
constexpr AddressCase kAddressCases[] = {
    {"a@x.example", "a@x.example", ""},
    {"<a@x.example>", "a@x.example", ""},
    {"Bob <b@x.example>", "b@x.example", "Bob"},
    {"\"Smith, Bob\" <b@x.example>", "b@x.example", "Smith, Bob"},
    {"\"Bob \\\"B\\\" Smith\" <b@x.example>", "b@x.example", "Bob \"B\" Smith"},
    {"b@x.example (Bob Smith)", "b@x.example", "Bob Smith"},
    {"a@x.example, Bob <b@x.example>", "a@x.example|b@x.example", "Bob"},
    {"Friends: a@x.example, b@x.example;", "a@x.example|b@x.example", ""},
    {"undisclosed-recipients:;", "", ""},
    {"\"a@x.example\" <b@y.example>", "b@y.example", "a@x.example"},
    {"\"b@y.example\" <b@y.example>", "b@y.example", "b@y.example"},
    {"Bob\n Smith <b@x.example>", "b@x.example", "Bob Smith"},
    {"<>", "", ""},
    {"\"peter\"17@x.example, b@y.example", "\"peter\"17@x.example|b@y.example", ""},
    {"\"a\"b <c@d.example>", "c@d.example", "ab"},
    {"Bob", "", "Bob"},
    {"a@[192.0.2.1]", "a@[192.0.2.1]", ""},
    {"\"quoted user\"@x.example", "\"quoted user\"@x.example", ""},
    {"=?utf-8?q?B=2C_ob?= <b@x.example>", "b@x.example", "B, ob"},
    {"'Bob' <b@x.example>", "b@x.example", "Bob"},
};

class HeaderValues : public ::testing::Test {
 protected:
  std::string read(std::string_view selector_text,
                   std::initializer_list<std::pair<const char*, const char*>> fields) {
    const std::vector<language::HeaderSelector> selectors{
        language::parse_header_selector(selector_text)->selector};
    const FieldTable table(selectors);
    fields_.begin(&table);
    for (const auto& [name, raw] : fields) fields_.add(name, raw, raw);
    const auto value = fields_.value(selectors[0], 0, &decoder_, room_);
    return value ? std::string(*value) : "(absent)";
  }
  static std::string with_bars(std::string text) {
    for (char& c : text) {
      if (c == '\n') c = '|';
    }
    return text;
  }

  HeaderFields fields_;
  mime::ConverterCache converters_;
  mime::HeaderDecoder decoder_{&converters_};
  std::array<char, HeaderFields::kValueBytes> room_;
};

TEST_F(HeaderValues, addresses_and_names) {
  for (const AddressCase& one : kAddressCases) {
    const std::string addresses = read("To:addr", {{"To", one.field}});
    const std::string names = read("To:name", {{"To", one.field}});
    EXPECT_EQ(with_bars(addresses == "(absent)" ? "" : addresses), one.addresses) << one.field;
    EXPECT_EQ(with_bars(names == "(absent)" ? "" : names), one.names) << one.field;
  }
}

TEST_F(HeaderValues, joined_as_spamassassin_joins_them) {
  EXPECT_EQ(read("Subject", {{"subject", "a"}, {"From", "x"}, {"SUBJECT", "b"}}), "a\nb\n");
  EXPECT_EQ(read("Subject:first", {{"Subject", "a"}, {"Subject", "b"}}), "a\n");
  EXPECT_EQ(read("Subject:last", {{"Subject", "a"}, {"Subject", "b"}}), "b\n");
  EXPECT_EQ(read("Subject", {{"From", "x"}}), "(absent)");
  EXPECT_EQ(read("Subject", {{"Subject", ""}}), "\n");
  EXPECT_EQ(read("ToCc", {{"Cc", "c"}, {"To", "a"}, {"To", "b"}}), "a\nb\nc\n");
  EXPECT_EQ(read("MESSAGEID", {{"Message-Id", "m"}, {"X-Message-Id", "x"}}), "x\nm\n");
  EXPECT_EQ(read("ALL", {{"From", "f"}, {"To", "t"}}), "From: f\nTo: t\n");
  EXPECT_EQ(read("ALL:raw", {{"From", " f"}, {"To", "  t"}}), "From: f\nTo:  t\n");
  EXPECT_EQ(read("ToCc:raw", {{"To", " a\n\tb"}}), " a b\n");
  EXPECT_EQ(read("To:raw", {{"To", " a\n\tb"}}), " a\n\tb\n");
}

// What SpamAssassin 4.0.1's get() returns for the same fields.
TEST_F(HeaderValues, parts_of_values) {
  EXPECT_EQ(read("X:ip", {{"X", "[192.0.2.7]"}}), "192.0.2.7");
  EXPECT_EQ(read("X:revip", {{"X", "[192.0.2.7]"}}), "7.2.0.192");
  EXPECT_EQ(read("X:ip", {{"X", "10.1.2.3.4 and 198.51.100.9"}, {"X", "IPv6:2001:db8::1 x"}}),
            "198.51.100.9\nIPv6:2001:db8::1");
  EXPECT_EQ(read("X:revip", {{"X", "198.51.100.9"}, {"X", "IPv6:2001:db8::1 x"}}), "9.100.51.198");
  EXPECT_EQ(read("From:addr:host", {{"From", "\"Bob\" <bob@mail.sub.example.co.uk>"}}),
            "mail.sub.example.co.uk");
  EXPECT_EQ(read("From:addr:domain", {{"From", "\"Bob\" <bob@mail.sub.example.co.uk>"}}),
            "example.co.uk");
  EXPECT_EQ(read("From:domain", {{"From", "\"Bob\" <bob@mail.sub.example.co.uk>"}}),
            "example.co.uk");
  constexpr const char* kTo = "Al <al@x.example.org>, b@y.example.com";
  EXPECT_EQ(read("To:addr:domain", {{"To", kTo}}), "example.org\nexample.com");
  EXPECT_EQ(read("To:host", {{"To", kTo}}), "y.example.com");
  EXPECT_EQ(read("MESSAGEID:host", {{"Message-ID", "<123.456@host.example.net>"}}),
            "host.example.net");
  EXPECT_EQ(read("X:host", {{"X", "see www.example.com, or (mail.example.org) x"},
                            {"X", "mail.example.org-x"},
                            {"X", "user@foo.invalidtldx www.second.com"},
                            {"X", "http://www.example.de/path"}}),
            "www.example.com\nwww.second.com");
  EXPECT_EQ(read("X:last:host", {{"X", "www.example.com"}, {"X", "http://www.example.de/path"}}),
            "(absent)");
  EXPECT_EQ(read("X:ip:host", {{"X", "192.0.2.7 a.example.com"}}), "a.example.com");
  EXPECT_EQ(read("From:name:host", {{"From", "\"Bob\" <bob@example.com>"}}), "(absent)");
}

TEST_F(HeaderValues, quota_keeps_one_field_from_pushing_out_another) {
  const std::vector<language::HeaderSelector> selectors{
      language::parse_header_selector("Subject")->selector,
      language::parse_header_selector("X-Flood")->selector};
  const FieldTable table(selectors);
  fields_.begin(&table);
  const std::string flood(16'000, 'f');
  for (int i = 0; i < 100; ++i) fields_.add("X-Flood", flood, flood);
  fields_.add("Subject", "here", "here");
  EXPECT_EQ(fields_.value(selectors[0], 0, &decoder_, room_), "here\n");
  EXPECT_LE(fields_.value(selectors[1], 1, &decoder_, room_)->size(),
            HeaderFields::kQuotaBytes + 200);
}

TEST_F(HeaderValues, all_is_cut_at_whole_lines) {
  const std::vector<language::HeaderSelector> selectors{
      language::parse_header_selector("ALL")->selector};
  const FieldTable table(selectors);
  fields_.begin(&table);
  const std::string line(1000, 'x');
  for (int i = 0; i < 200; ++i) fields_.add("X", line, line);
  const auto value = fields_.value(selectors[0], 0, &decoder_, room_);
  // "X: " + 1000 + "\n" is 1,004 bytes; 65 of them fit 65,536.
  EXPECT_EQ(value->size(), 65u * 1004);
}

TEST(FieldTable, more_names_than_it_holds_is_told) {
  std::vector<language::HeaderSelector> selectors(FieldTable::kMostFields + 1);
  for (size_t i = 0; i < selectors.size(); ++i) selectors[i].field = "x-" + std::to_string(i);
  EXPECT_TRUE(FieldTable(selectors).overflowed());
  selectors.pop_back();
  EXPECT_FALSE(FieldTable(selectors).overflowed());
}

}  // namespace
}  // namespace postern::scan
