// What a Reader allocates: nothing while messages pass, and little when it is made.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "dataplane/mime/reader.h"

namespace {
size_t g_allocations = 0;
size_t g_bytes = 0;
}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  ++g_allocations;
  g_bytes += size;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new[](size_t size) { return operator new(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace postern::mime {
namespace {

struct CountingSink : RenderSink {
  void header(std::string_view, std::string_view, std::string_view) override { ++calls; }
  void body(std::string_view) override { ++calls; }
  void rawbody(std::string_view line) override { raw_bytes += line.size(); }
  void uri(std::string_view) override { ++calls; }
  void link(const Link&) override { ++calls; }
  void part(const Part& part) override { decoded_bytes += part.decoded_bytes; }
  size_t calls = 0, raw_bytes = 0, decoded_bytes = 0;
};

std::span<const uint8_t> octets(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

size_t allocations_of(Reader& reader, const std::string& message) {
  CountingSink sink;
  const size_t before = g_allocations;
  reader.begin(&sink, Renderings::all());
  for (size_t at = 0; at < message.size(); at += 1460) {
    reader.feed(octets(message).subspan(at, std::min<size_t>(1460, message.size() - at)));
  }
  reader.finish();
  EXPECT_GT(sink.calls, 0u);
  return g_allocations - before;
}

TEST(ReaderMemory, MessagesAllocateNothing) {
  ReaderLimits limits;
  limits.digests = true;
  Reader reader(limits);
  std::string text;
  for (int i = 0; i < 500; ++i) text += "A line of text with http://x.example/ and caf\xc3\xa9.\n";
  std::string base64;
  for (int i = 0; i < 500; ++i)
    base64 += "PGI+dGV4dDwvYj4gYW5kIG1vcmUgPGEgaHJlZj14Png8L2E+IA==\r\n";
  std::string quoted;
  for (int i = 0; i < 500; ++i) quoted += "caf=C3=A9 <a href=3D\"http://x.example/\">link</a> =\n";
  EXPECT_EQ(allocations_of(reader, "Subject: plain\n\n" + text), 0u);
  EXPECT_EQ(allocations_of(reader,
                           "Subject: =?windows-1251?Q?=CF=F0?=\nContent-Type: text/html\n"
                           "Content-Transfer-Encoding: base64\n\n" +
                               base64),
            0u);
  EXPECT_EQ(allocations_of(reader,
                           "Subject: qp\nContent-Type: text/html; charset=utf-8\n"
                           "Content-Transfer-Encoding: quoted-printable\n\n" +
                               quoted),
            0u);
  EXPECT_EQ(
      allocations_of(reader,
                     "Subject: parts\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
                     "Content-Type: text/html; charset=iso-8859-1\n"
                     "Content-Disposition: inline; filename*0*=utf-8''%e2%82; "
                     "filename*1*=%ac\n\n<div style=display:none>" +
                         text + "</div>\n--b\nContent-Type: message/rfc822\n\nSubject: x\n\n" +
                         text + "--b--\n"),
      0u);
}

TEST(ReaderMemory, HiddenTextAllocatesNothing) {
  Reader reader({});
  std::string octets;
  for (int i = 0; i < 500; ++i) octets += "v i a g r a <p>text\r\nbegin 644 x\r\n#86)C\r\nend\r\n";
  EXPECT_EQ(allocations_of(reader,
                           "Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\nbefore\r\n"
                           "--c\r\n\r\n" +
                               octets + "--b\r\nContent-Type: application/x\r\n\r\n" + octets +
                               "--b\r\nContent-Transfer-Encoding: base64\r\n"
                               "Content-Transfer-Encoding: 7bit\r\n\r\n" +
                               octets + "--b--\r\n" + octets),
            0u);
}

// All that a message under way needs, however long it is: nothing is added while it passes, as the
// test below has it.
TEST(ReaderMemory, AReaderIsSmall) {
  const Reader first({});  // makes the tables that all share
  const size_t before = g_bytes;
  Reader reader({});
  EXPECT_LE(g_bytes - before, 176u * 1024);
}

TEST(ReaderMemory, FiftyMegabytesStream) {
  Reader reader({});
  CountingSink sink;
  const std::string head =
      "Subject: long\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
      "text/html\n\n";
  std::string piece;
  while (piece.size() < 64 * 1024) piece += "<p>Some text, <b>more</b> of it &amp; a line end.\n";
  const size_t pieces = 50 * 1024 * 1024 / piece.size();
  const size_t before = g_allocations;
  reader.begin(&sink, Renderings::all());
  reader.feed(octets(head));
  for (size_t i = 0; i < pieces; ++i) reader.feed(octets(piece));
  reader.finish();
  EXPECT_EQ(g_allocations, before);
  EXPECT_EQ(sink.raw_bytes, pieces * piece.size());
  EXPECT_EQ(sink.decoded_bytes, pieces * piece.size());
}

}  // namespace
}  // namespace postern::mime
