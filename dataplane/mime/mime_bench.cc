// How fast each stage of reading a message is, in bytes of its input.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

#include "dataplane/mime/base64.h"
#include "dataplane/mime/header_decoder.h"
#include "dataplane/mime/html_text.h"
#include "dataplane/mime/origin.h"
#include "dataplane/mime/paragraphs.h"
#include "dataplane/mime/quoted_printable.h"
#include "dataplane/mime/reader.h"
#include "dataplane/mime/skeleton.h"
#include "dataplane/mime/uri_finder.h"
#include "dataplane/mime/uri_link.h"

namespace postern::mime {
namespace {

constexpr size_t kTextBytes = 100 * 1024;
constexpr size_t kSegmentBytes = 1460;

std::string repeat(std::string_view piece) {
  std::string text;
  while (text.size() < kTextBytes) text += piece;
  return text;
}

const std::string& prose() {
  static const std::string text = repeat(
      "Dear customer,\n\nplease find attached the invoice for the month of March. The amount of\n"
      "EUR 1,250.00 is due within fourteen days; you will find more at\n"
      "http://billing.example.com/invoices/2024/03 or write to accounts@example.com.\n\n"
      "With kind regards from all of us in the accounts department\n\n");
  return text;
}

const std::string& page() {
  static const std::string text = repeat(
      "<table width=\"100%\" cellpadding=\"0\"><tr><td style=\"font-family:Arial;font-size:14px;"
      "color:#333333\"><p>Dear <b>customer</b>,</p>\n<p>please find the <i>invoice</i> &amp; more "
      "at <a href=\"http://billing.example.com/invoices?id=12&amp;key=4711\" target=\"_blank\">"
      "our site</a>.<br>With kind regards&nbsp;&ndash; the accounts department</p></td></tr>"
      "</table>\n");
  return text;
}

std::string in_base64(std::string_view text) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  size_t column = 0;
  for (size_t i = 0; i + 2 < text.size(); i += 3) {
    const uint32_t group = static_cast<uint32_t>(static_cast<uint8_t>(text[i])) << 16 |
                           static_cast<uint32_t>(static_cast<uint8_t>(text[i + 1])) << 8 |
                           static_cast<uint8_t>(text[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) out += alphabet[group >> shift & 63];
    if ((column += 4) == 76) {
      out += "\r\n";
      column = 0;
    }
  }
  return out;
}

std::string in_quoted_printable(std::string_view text) {
  std::string out;
  size_t column = 0;
  for (char c : text) {
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    if (column > 72) {
      out += "=\r\n";
      column = 0;
    }
    if (c == '=') {
      out += "=3D";
      column += 3;
    } else {
      out += c;
      ++column;
    }
  }
  return out;
}

struct NullSink : RenderSink {
  void header(std::string_view, std::string_view, std::string_view) override {}
  void body(std::string_view text) override { benchmark::DoNotOptimize(text.data()); }
  void rawbody(std::string_view line) override { benchmark::DoNotOptimize(line.data()); }
  void uri(std::string_view uri) override { benchmark::DoNotOptimize(uri.data()); }
  void part(const Part&) override {}
};

// A whole message, in segments as they come from the wire.
void read(benchmark::State& state, std::string_view head, std::string_view body,
          Renderings wanted = {}) {
  const std::string message = std::string(head) + std::string(body);
  Reader reader({});
  NullSink sink;
  for (auto _ : state) {
    reader.begin(&sink, wanted);
    for (size_t at = 0; at < message.size(); at += kSegmentBytes) {
      const size_t size = std::min(kSegmentBytes, message.size() - at);
      reader.feed({reinterpret_cast<const uint8_t*>(message.data()) + at, size});
    }
    reader.finish();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * message.size()));
}

void BM_ReadPlain(benchmark::State& state) { read(state, "Subject: s\r\n\r\n", prose()); }
BENCHMARK(BM_ReadPlain);

void BM_ReadHtml(benchmark::State& state) {
  read(state, "Subject: s\r\nContent-Type: text/html; charset=utf-8\r\n\r\n", page());
}
BENCHMARK(BM_ReadHtml);

void BM_ReadBase64Html(benchmark::State& state) {
  read(state, "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
       in_base64(page()));
}
BENCHMARK(BM_ReadBase64Html);

void BM_ReadQuotedPrintableHtml(benchmark::State& state) {
  read(state,
       "Content-Type: text/html; charset=utf-8\r\n"
       "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
       in_quoted_printable(page()));
}
BENCHMARK(BM_ReadQuotedPrintableHtml);

void BM_ReadAttachment(benchmark::State& state) {
  read(state,
       "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\n"
       "Content-Transfer-Encoding: base64\r\n\r\n",
       in_base64(prose()) + "\r\n--b--\r\n");
}
BENCHMARK(BM_ReadAttachment);

void BM_ReadHeaders(benchmark::State& state) {
  std::string head;
  for (int i = 0; i < 20; ++i) {
    head +=
        "Received: from mail.example.com (mail.example.com [192.0.2.9])\r\n\tby mx.example.net "
        "with "
        "ESMTPS id 4711; Thu, 1 Jan 1970 00:00:00 +0000\r\n";
  }
  head += "Subject: =?utf-8?Q?Caf=C3=A9_au_lait?=\r\n\r\n";
  read(state, head, "text\r\n");
}
BENCHMARK(BM_ReadHeaders);

// The same with what goes beyond SpamAssassin's renderings.
constexpr Renderings kHiddenText{.hidden = true};
constexpr Renderings kSkeletons{.skeleton = true};

void BM_ReadPlainHidden(benchmark::State& state) {
  read(state, "Subject: s\r\n\r\n", prose(), kHiddenText);
}
BENCHMARK(BM_ReadPlainHidden);

void BM_ReadPlainSkeleton(benchmark::State& state) {
  read(state, "Subject: s\r\n\r\n", prose(), kSkeletons);
}
BENCHMARK(BM_ReadPlainSkeleton);

void BM_ReadHtmlHidden(benchmark::State& state) {
  read(state, "Subject: s\r\nContent-Type: text/html; charset=utf-8\r\n\r\n", page(), kHiddenText);
}
BENCHMARK(BM_ReadHtmlHidden);

void read_octet_stream(benchmark::State& state, std::string_view octets) {
  read(state,
       "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
       "application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
       in_base64(octets) + "\r\n--b--\r\n", kHiddenText);
}

void BM_ReadOctetStreamText(benchmark::State& state) { read_octet_stream(state, prose()); }
BENCHMARK(BM_ReadOctetStreamText);

void BM_ReadOctetStreamBinary(benchmark::State& state) {
  std::string octets = prose();
  for (size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<char>(octets[i] * i);
  read_octet_stream(state, octets);
}
BENCHMARK(BM_ReadOctetStreamBinary);

void BM_ReadUuencoded(benchmark::State& state) {
  std::string body = "begin 644 x\r\n";
  while (body.size() < kTextBytes) body += "82&5L;&\\L('5U96YC;V1E9\"!W;W)L9\"X*\r\n";
  read(state, "Subject: s\r\n\r\n", body + "end\r\n", kHiddenText);
}
BENCHMARK(BM_ReadUuencoded);

void BM_ReadTwoEncodings(benchmark::State& state) {
  read(state, "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
       in_base64(prose()), kHiddenText);
}
BENCHMARK(BM_ReadTwoEncodings);

void BM_Base64(benchmark::State& state) {
  const std::string text = in_base64(prose());
  std::vector<uint8_t> out(Base64Decoder::decoded_bound(text.size()));
  for (auto _ : state) {
    Base64Decoder decoder;
    benchmark::DoNotOptimize(
        decoder.decode({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, out.data()));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_Base64);

void BM_QuotedPrintable(benchmark::State& state) {
  const std::string text = in_quoted_printable(page());
  std::vector<uint8_t> out(QuotedPrintableDecoder::decoded_bound(text.size()));
  for (auto _ : state) {
    QuotedPrintableDecoder decoder;
    decoder.begin();
    benchmark::DoNotOptimize(
        decoder.decode({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, out.data()));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_QuotedPrintable);

void BM_HtmlText(benchmark::State& state) {
  struct : HtmlSink {
    void html_text(std::string_view text, bool) override { benchmark::DoNotOptimize(text.data()); }
    void html_text_end() override {}
    void html_line_ends(int) override {}
    void html_blank() override {}
    void html_uri(std::string_view uri) override { benchmark::DoNotOptimize(uri.data()); }
  } sink;
  HtmlText html(&sink);
  for (auto _ : state) {
    html.begin();
    html.feed(page());
    html.finish();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * page().size()));
}
BENCHMARK(BM_HtmlText);

void BM_Paragraphs(benchmark::State& state) {
  struct : ParagraphSink {
    void paragraph(std::string_view text) override { benchmark::DoNotOptimize(text.data()); }
  } sink;
  Paragraphs paragraphs(&sink);
  for (auto _ : state) {
    paragraphs.begin(false);
    paragraphs.text(prose());
    paragraphs.finish();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * prose().size()));
}
BENCHMARK(BM_Paragraphs);

void fold(benchmark::State& state, std::string_view text) {
  Skeleton skeleton;
  for (auto _ : state) {
    for (size_t at = 0; at < text.size(); at += 200) {
      benchmark::DoNotOptimize(skeleton.fold(text.substr(at, 200)));
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

void BM_Skeleton(benchmark::State& state) { fold(state, prose()); }
BENCHMARK(BM_Skeleton);

void BM_SkeletonDressedUp(benchmark::State& state) {
  // Pieces of whole characters: forty of five octets each.
  fold(state, repeat("\xd0\xb0\xef\xbd\x81"));
}
BENCHMARK(BM_SkeletonDressedUp);

void BM_SkeletonSpaced(benchmark::State& state) { fold(state, repeat("v i a g r a ")); }
BENCHMARK(BM_SkeletonSpaced);

void BM_UriFinder(benchmark::State& state) {
  UriFinder finder;
  for (auto _ : state) {
    finder.begin(prose());
    while (!finder.next().empty()) continue;
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * prose().size()));
}
BENCHMARK(BM_UriFinder);

// One URI and what it redirects to; the second with a name beyond ASCII.
void BM_LinkReader(benchmark::State& state, std::string_view uri) {
  LinkReader reader;
  NullSink sink;
  for (auto _ : state) reader.read(uri, &sink);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * uri.size()));
}
BENCHMARK_CAPTURE(BM_LinkReader, plain, "http://billing.example.com/invoices?id=12&key=4711");
BENCHMARK_CAPTURE(BM_LinkReader, redirector,
                  "https://click.example.com/?u=http%3A%2F%2Fshop.example.co.uk%2Foffer%3Fa%3D1");
BENCHMARK_CAPTURE(BM_LinkReader, beyond_ascii, "http://www.b\u00fccher-kaufen.example/");

// The header of a message that went through a content filter.
void BM_OriginReader(benchmark::State& state) {
  constexpr std::string_view kFilter =
      "from localhost (localhost [127.0.0.1])\n\tby mail.example.com (Postfix) with ESMTP id 4Wx\n"
      "\tfor <someone@example.net>; Mon,  2 Sep 2024 10:11:13 +0200 (CEST)";
  constexpr std::string_view kLogin =
      "from [192.168.1.7] (unknown [203.0.113.9])\n\t(using TLSv1.3 with cipher "
      "TLS_AES_256_GCM_SHA384 (256/256 bits))\n\t(Authenticated sender: bob@example.com)\n\tby "
      "mail.example.com (Postfix) with ESMTPSA id 4Wx;\n\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)";
  OriginReader reader;
  for (auto _ : state) {
    reader.begin("mail.example.com", {});
    reader.field("Received", kFilter);
    reader.field("Received", kLogin);
    for (std::string_view name : {"Subject", "From", "To", "Date", "X-Mailer", "MIME-Version"}) {
      reader.field(name, "something");
    }
    benchmark::DoNotOptimize(reader.finish().why.view().data());
  }
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * (kFilter.size() + kLogin.size())));
}
BENCHMARK(BM_OriginReader);

void BM_HeaderDecoder(benchmark::State& state) {
  ConverterCache converters;
  HeaderDecoder decoder(&converters);
  const std::string value =
      "=?utf-8?Q?Caf=C3=A9_au_lait?=\n =?utf-8?B?w6lsw6h2ZQ==?= <someone@example.com>";
  std::array<char, 512> out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(decoder.decode(value, HeaderDecoder::Words::kDecode, out));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * value.size()));
}
BENCHMARK(BM_HeaderDecoder);

}  // namespace
}  // namespace postern::mime
