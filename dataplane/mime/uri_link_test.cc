#include "dataplane/mime/uri_link.h"

#include <gtest/gtest.h>
#include <unicode/uidna.h>

#include <string>
#include <vector>

namespace postern::mime {
namespace {

struct Told {
  std::string uri, host, domain;
  bool operator==(const Told&) const = default;
  friend void PrintTo(const Told& told, std::ostream* out) {
    *out << told.uri << " | " << told.host << " | " << told.domain;
  }
};

std::vector<Told> read_link(std::string_view uri, bool with_uri = true) {
  struct : RenderSink {
    void header(std::string_view, std::string_view, std::string_view) override {}
    void body(std::string_view) override {}
    void rawbody(std::string_view) override {}
    void uri(std::string_view) override {}
    void part(const Part&) override {}
    void link(const Link& link) override {
      links.push_back({std::string(link.uri), std::string(link.host), std::string(link.domain)});
    }
    std::vector<Told> links;
  } sink;
  LinkReader reader;
  reader.read(uri, &sink, with_uri);
  return sink.links;
}

std::string canonical(std::string_view uri) {
  const auto links = read_link(uri);
  return links.empty() ? "" : links[0].uri;
}
std::string host(std::string_view uri) {
  const auto links = read_link(uri);
  return links.empty() ? "" : links[0].host;
}
std::string domain(std::string_view uri) {
  const auto links = read_link(uri);
  return links.empty() ? "" : links[0].domain;
}

TEST(UriLink, WithoutItsCanonicalForm) {
  EXPECT_EQ(
      read_link("http://Go.shop.co.uk/?u=http%3A%2F%2Fwww.a.example%2F", false),
      (std::vector<Told>{{"", "go.shop.co.uk", "shop.co.uk"}, {"", "www.a.example", "a.example"}}));
}

TEST(UriLink, CanonicalForm) {
  EXPECT_EQ(canonical("http://example.com"), "http://example.com/");
  EXPECT_EQ(canonical("HTTP://Example.COM/Path"), "http://example.com/Path");
  EXPECT_EQ(canonical("https://example.com?x=1"), "https://example.com/?x=1");
  EXPECT_EQ(canonical("http://example.com:80/"), "http://example.com/");
  EXPECT_EQ(canonical("https://example.com:0443/"), "https://example.com/");
  EXPECT_EQ(canonical("http://example.com:8080/"), "http://example.com:8080/");
  EXPECT_EQ(canonical("http://example.com/%41%2d%2f%c3%a9%zz"),
            "http://example.com/A-%2F%C3%A9%zz");
  EXPECT_EQ(canonical("www.example.com/x"), "http://www.example.com/x");
  EXPECT_EQ(canonical("//example.com/x"), "http://example.com/x");
}

TEST(UriLink, WrittenToMislead) {
  // What follows is read as browsers read it (WHATWG URL Standard).
  EXPECT_EQ(host("http://www.bank.example@evil.example/"), "evil.example");
  EXPECT_EQ(host("http://www.bank.example%40x@y@evil.example/"), "evil.example");
  EXPECT_EQ(host("http:\\\\evil.example\\path"), "evil.example");
  EXPECT_EQ(canonical("http:\\\\evil.example\\path\\x?a\\b"), "http://evil.example/path/x?a\\b");
  EXPECT_EQ(host("http://evil.example\\@www.bank.example/"), "evil.example");
  EXPECT_EQ(host("http:evil.example"), "evil.example");
  EXPECT_EQ(host("http:////evil.example"), "evil.example");
  EXPECT_EQ(canonical(" ht\ntp://ev\til.exa\r\nmple/\n"), "http://evil.example/");
  EXPECT_EQ(host("http://%65%76il.ex%61mple/"), "evil.example");
  EXPECT_EQ(host("http://evil.example./"), "evil.example");
  EXPECT_EQ(host("http://evil.example#@www.bank.example/"), "evil.example");
}

TEST(UriLink, Addresses) {
  // All of these are 192.0.2.235 (inet_aton(3)): 0xc00002eb, 3221226219, 030000001353.
  for (const char* written :
       {"192.0.2.235", "3221226219", "0xc00002eb", "0xC0.0x00.0x02.0xEB", "0300.0.02.0353",
        "192.0.747", "0300.747", "030000001353", "192.0x2EB", "192.0.2.235.", "[::ffff:c000:2eb]",
        "%31%392.0.2.235", "\uff11\uff19\uff12.0.2.235"}) {
    EXPECT_EQ(canonical(std::string("http://") + written + "/x"), "http://192.0.2.235/x")
        << written;
    EXPECT_EQ(domain(std::string("http://") + written), "") << written;
  }
  for (const char* none : {"256.0.0.1", "1.2.3.4.5", "4294967296", "1.2.3.08", "0xg.1", "1..2.3"}) {
    EXPECT_EQ(host(std::string("http://") + none), "") << none;
  }
  EXPECT_EQ(read_link("http://[2001:DB8:0::1]:8080/"),
            (std::vector<Told>{{"http://[2001:db8::1]:8080/", "2001:db8::1", ""}}));
  EXPECT_EQ(host("http://[2001:db8::1/"), "");
}

TEST(UriLink, NamesBeyondAscii) {
  EXPECT_EQ(host("http://b\u00fccher.example/"), "xn--bcher-kva.example");
  EXPECT_EQ(host("http://B%C3%9CCHER.example/"), "xn--bcher-kva.example");
  EXPECT_EQ(host("http://xn--BCHER-kva.example/"), "xn--bcher-kva.example");
  EXPECT_EQ(host("http://\uff45\uff56\uff49\uff4c\u3002example/"), "evil.example");
  EXPECT_EQ(host("http://ev\u00adil.example/"), "evil.example");
  // RFC 3492 7.1 (A), (B) and (I).
  EXPECT_EQ(host("http://\u0644\u064a\u0647\u0645\u0627\u0628\u062a\u0643\u0644\u0645\u0648\u0634"
                 "\u0639\u0631\u0628\u064a\u061f.example"),
            "xn--egbpdaj6bu4bxfgehfvwxn.example");
  EXPECT_EQ(host("http://\u4ed6\u4eec\u4e3a\u4ec0\u4e48\u4e0d\u8bf4\u4e2d\u6587.example"),
            "xn--ihqwcrb4cv8a8dqg056pqjye.example");
  EXPECT_EQ(host("http://\u043f\u043e\u0447\u0435\u043c\u0443\u0436\u0435\u043e\u043d\u0438\u043d"
                 "\u0435\u0433\u043e\u0432\u043e\u0440\u044f\u0442\u043f\u043e\u0440\u0443\u0441"
                 "\u0441\u043a\u0438.example"),
            "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l.example");
  EXPECT_EQ(host("http://\xff\xfe.example/"), "");
}

TEST(UriLink, NamesAreAsIcuHasThem) {
  UErrorCode error = U_ZERO_ERROR;
  UIDNA* icu = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII, &error);
  for (std::string name :
       {"fa\u00df.de", "\u03b2\u03cc\u03bb\u03bf\u03c2.gr", "\u2460\u2461.com", "\u1e9e.de",
        "caf\u00e9.\u65e5\u672c.jp", "\U0001f4a9.la", "\u0130stanbul.tr", "e\u0301.fr",
        "\u212aelvin.com", "a\u200bb.com", "\uac00\ub098\ub2e4.kr", "\u0e44\u0e17\u0e22.th"}) {
    char expected[256];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    error = U_ZERO_ERROR;
    const int32_t length =
        uidna_nameToASCII_UTF8(icu, name.data(), static_cast<int32_t>(name.size()), expected,
                               sizeof expected, &info, &error);
    EXPECT_EQ(host("http://" + name + "/"), std::string(expected, static_cast<size_t>(length)));
  }
  uidna_close(icu);
}

TEST(UriLink, RegistrableDomain) {
  EXPECT_EQ(domain("http://www.example.com/"), "example.com");
  EXPECT_EQ(domain("http://a.b.shop.co.uk/"), "shop.co.uk");
  EXPECT_EQ(domain("http://shop.blogspot.com/"), "shop.blogspot.com");  // of the private section
  EXPECT_EQ(domain("http://a.\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444/"),
            "xn--e1afmkfd.xn--p1ai");
  EXPECT_EQ(domain("http://a.b.no-such-suffix/"), "b.no-such-suffix");
  EXPECT_EQ(domain("http://localhost/"), "");
  EXPECT_EQ(domain("http://co.uk/"), "");
}

TEST(UriLink, ManyHostsByOneReader) {
  struct : RenderSink {
    void header(std::string_view, std::string_view, std::string_view) override {}
    void body(std::string_view) override {}
    void rawbody(std::string_view) override {}
    void uri(std::string_view) override {}
    void part(const Part&) override {}
    void link(const Link& link) override { domain = link.domain; }
    std::string domain;
  } sink;
  LinkReader reader;
  // More of them than a thread remembers, each again before and after it is forgotten.
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3000; ++i) {
      const std::string expected = "shop" + std::to_string(i) + ".co.uk";
      for (int again = 0; again < 2; ++again) {
        reader.read("http://www." + expected + "/", &sink);
        EXPECT_EQ(sink.domain, expected);
        reader.read("http://192.0.2.1/", &sink);
        EXPECT_EQ(sink.domain, "");
      }
    }
  }
}

// The host of the link before is not read again; one that is none must not be taken for it.
TEST(UriLink, HostsOfNeighbours) {
  struct : RenderSink {
    void header(std::string_view, std::string_view, std::string_view) override {}
    void body(std::string_view) override {}
    void rawbody(std::string_view) override {}
    void uri(std::string_view) override {}
    void part(const Part&) override {}
    void link(const Link& link) override { hosts.emplace_back(link.host); }
    std::vector<std::string> hosts;
  } sink;
  LinkReader reader;
  for (std::string_view uri :
       {"http://A.example/1", "http://A.example/2", "http://?3", "http://a..example/",
        "http://[2001:db8::1]/", "http://[2001:db8::1]:80/", "http://A.example"}) {
    reader.read(uri, &sink);
  }
  EXPECT_EQ(sink.hosts, (std::vector<std::string>{"a.example", "a.example", "2001:db8::1",
                                                  "2001:db8::1", "a.example"}));
}

TEST(UriLink, Redirectors) {
  EXPECT_EQ(read_link("http://a.example/?u=http://b.example/x"),
            (std::vector<Told>{{"http://a.example/?u=http://b.example/x", "a.example", "a.example"},
                               {"http://b.example/x", "b.example", "b.example"}}));
  const auto hosts = [](std::string_view uri) {
    std::vector<std::string> hosts;
    for (const Told& told : read_link(uri)) hosts.push_back(told.host);
    return hosts;
  };
  using Hosts = std::vector<std::string>;
  EXPECT_EQ(hosts("https://a.example/url?q=https%3A%2F%2Fb.example%2Fx%3Fy&sa=D"),
            (Hosts{"a.example", "b.example"}));
  EXPECT_EQ(read_link("https://a.example/url?q=https%3A%2F%2Fb.example%2Fx%3Fy&sa=D")[1].uri,
            "https://b.example/x?y");
  EXPECT_EQ(hosts("https://a.example/?q=http%253a%252f%252fb.example"),
            (Hosts{"a.example", "b.example"}));
  EXPECT_EQ(hosts("http://a.example/*http:\\\\b.example"), (Hosts{"a.example", "b.example"}));
  EXPECT_EQ(
      hosts("http://a.example/http://b.example/http://c.example/http://d.example/http://e.example"),
      (Hosts{"a.example", "b.example", "c.example", "d.example"}));
  EXPECT_EQ(hosts("http://a.example/http-status"), (Hosts{"a.example"}));
  EXPECT_EQ(hosts("http://a.example/https:"), (Hosts{"a.example"}));
}

TEST(UriLink, WhatLeadsToNoHost) {
  for (const char* uri :
       {"", "mailto:a@b.example", "cid:part1@b.example", "javascript:alert(1)", "#top", "?x",
        "/images/x.png", "index.html", "http://", "http:///", "tel:+49", "http://a b.example/",
        "http://a..b/", "http://:80/", "data:text/html,http://a.example/", "http://<a>/"}) {
    EXPECT_EQ(read_link(uri).size(), 0u) << uri;
  }
}

TEST(UriLink, LongOnesAreCut) {
  const std::string uri = "http://a.example/" + std::string(10000, '%');
  EXPECT_EQ(read_link(uri).at(0).uri.size(), LinkReader::kUriBytes);
  EXPECT_EQ(read_link("http://" + std::string(64, 'a') + ".example").size(), 0u);
  std::string name;
  for (int i = 0; i < 41; ++i) name += "\u00fc\u00fc.";
  EXPECT_EQ(read_link("http://" + name + "example").size(), 0u);  // over 253 octets
}

}  // namespace
}  // namespace postern::mime
