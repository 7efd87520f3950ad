// A worker that has warmed up takes nothing from the heap, whatever mail passes.
#include <gtest/gtest.h>

#include "base/testing/heap_calls.h"
#include "bench/conversation.h"
#include "bench/replay.h"
#include "bench/traffic.h"
#include "dataplane/scan/testing/rule_scan.h"

namespace postern::bench {
namespace {

// Rules of every target, functions and lists among them, so that no stage is left out.
constexpr const char* kRules = R"(
header SUBJECT_OFFER Subject =~ /special offer/i
header __HAS_DATE exists:Date
header RELAYED X-Spam-Relays-Untrusted =~ /ip=203\.0\.113\./
body BODY_PILLS /cheap (?:pills|watches) \w{3,20} now/i
rawbody RAW_HIDDEN /display:\s*none/i
uri URI_BAD m{//[a-z0-9.-]+\.bad\.example/}i
full FULL_BOUNDARY /boundary=/
mimeheader MIME_ZIP Content-Type =~ /application\/zip/
body HTML_ONLY eval:check_for_mime_html_only()
meta PILLS_OFFER (BODY_PILLS && SUBJECT_OFFER && __HAS_DATE)
score BODY_PILLS 3
score SUBJECT_OFFER 2.5
score RELAYED 0.1
score RAW_HIDDEN 0.1
score URI_BAD 0.1
score FULL_BOUNDARY 0.1
score MIME_ZIP 0.1
score HTML_ONLY 0.1
score PILLS_OFFER 4
)";

std::string headers(const std::string& subject, const std::string& more = "") {
  return "Received: from pc.customer.example ([203.0.113.7]) by mail.customer.example; Mon, 5 Oct "
         "2026 10:00:00 +0000\r\nFrom: Alice <alice@customer.example>\r\nTo: "
         "bob@internet.example\r\nDate: Mon, 5 Oct 2026 10:00:00 +0000\r\nSubject: " +
         subject + "\r\nMIME-Version: 1.0\r\n" + more + "\r\n";
}

std::vector<Message> messages() {
  std::string lines;
  for (int i = 0; i < 400; ++i)
    lines += "A line of ordinary prose, number " + std::to_string(i) + ".\r\n";
  std::string base64;
  for (int i = 0; i < 200; ++i)
    base64 += "Q2hlYXAgcGlsbHMgYW5kIHdhdGNoZXMgb3JkZXIgbm93IGh0dHA6Ly9hLmJhZC5leGFtcGxlLyA=\r\n";
  const std::string html =
      "<html><body><p>Caf&eacute; <span style='display:none'>unseen</span> <a "
      "href=\"http://shop.bad.example/x\">here</a></p></body></html>\r\n";
  return {
      {"plain", headers("Lunch") + lines, false},
      {"spam", headers("A special offer") + "cheap pills forsale now\r\n" + lines, true},
      {"base64",
       headers("=?utf-8?B?R3LDvMOfZQ==?=",
               "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
               "base64\r\n") +
           base64,
       false},
      {"html",
       headers("Menu",
               "Content-Type: text/html; charset=windows-1252\r\nContent-Transfer-Encoding: "
               "quoted-printable\r\n") +
           html,
       false},
      {"multipart",
       headers("Both", "Content-Type: multipart/mixed; boundary=\"b\"\r\n") +
           "--b\r\nContent-Type: text/plain; "
           "charset=koi8-r\r\n\r\n\xf0\xd2\xc9\xd7\xc5\xd4\r\n--b\r\n"
           "Content-Type: text/html\r\n\r\n" +
           html +
           "--b\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: " +
           "base64\r\n\r\n" + base64 + "--b--\r\n",
       false},
  };
}

TEST(SteadyState, NothingIsTakenFromTheHeap) {
  const auto set = scan::testing::compile_rules(kRules);
  scan::MessageScan::Scratch scratch;
  ASSERT_TRUE(scratch.prepare(*set));
  auto recorder = Recorder::create(set, &scratch);
  ASSERT_TRUE(recorder) << recorder.error();
  std::vector<Conversation> recordings;
  size_t refused = 0;
  for (const Message& message : messages()) {
    auto recording = (*recorder)->record(message);
    ASSERT_TRUE(recording) << recording.error();
    EXPECT_EQ(recording->refused, message.is_spam) << message.name;
    refused += recording->refused;
    recordings.push_back(std::move(*recording));
  }
  ASSERT_EQ(refused, 1u);
  Traffic traffic(recordings, {.connections = 200, .open = 40, .active = 20});
  auto replay = Replay::create(&traffic, {.set = set, .scratch = &scratch});
  ASSERT_TRUE(replay) << replay.error();
  const auto warm_up = (*replay)->pass();
  ASSERT_TRUE(warm_up) << warm_up.error();
  const auto steady = (*replay)->pass();
  ASSERT_TRUE(steady) << steady.error();
  EXPECT_EQ(steady->allocations, 0u);
}

// Else the test above would pass whatever the worker did.
TEST(SteadyState, WhatIsTakenIsCounted) {
  const uint64_t before = heap_calls();
  const auto taken = std::make_unique<std::vector<int>>(3);
  EXPECT_EQ(taken->size(), 3u);
  EXPECT_EQ(heap_calls() - before, 2u);
}

}  // namespace
}  // namespace postern::bench
