#include "dataplane/mime/html_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/mime/html_entities.h"

namespace postern::mime {
namespace {

// Text as it comes, "|" for a line end and "_" for a blank that tags make.
struct Read : HtmlSink {
  void html_text(std::string_view utf8, bool is_hidden) override {
    (is_hidden ? hidden : text) += utf8;
  }
  void html_text_end() override {}
  void html_line_ends(int count) override { text.append(static_cast<size_t>(count), '|'); }
  void html_blank() override { text += '_'; }
  void html_uri(std::string_view uri) override { uris.emplace_back(uri); }
  bool operator==(const Read& other) const {
    return text == other.text && hidden == other.hidden && uris == other.uris;
  }
  std::string text, hidden;
  std::vector<std::string> uris;
};

Read read(std::string_view html, size_t piece = SIZE_MAX) {
  Read sink;
  HtmlText reader(&sink);
  reader.begin();
  while (!html.empty()) {
    const std::string_view part = html.substr(0, piece);
    reader.feed(part);
    html.remove_prefix(part.size());
  }
  reader.finish();
  return sink;
}
std::string text(std::string_view html) { return read(html).text; }
std::string hidden(std::string_view html) { return read(html).hidden; }
using Uris = std::vector<std::string>;

TEST(HtmlText, TagsSplitNoWords) {
  EXPECT_EQ(text("Vi<b></b>ag<!-- x -->ra"), "Viagra");
  EXPECT_EQ(text("V<i class=\"a>b\">iag</i>ra<unknown-tag>!"), "Viagra!");
}

TEST(HtmlText, BlocksMakeSpace) {
  EXPECT_EQ(text("a<br>b<BR/>c<p>d</p>e<div>f</div>"), "a|b|c||d||e|f|");
  EXPECT_EQ(text("<tr><td>a</td><td>b</td></tr>"), "_a__b_");
  EXPECT_EQ(text("<title>t</title><li>x"), "||t||_x");
}

TEST(HtmlText, Entities) {
  EXPECT_EQ(text("&lt;b&gt; &amp;amp; &quot;"), "<b> &amp; \"");
  EXPECT_EQ(text("&#86;&#x69;&#X61;gra &euro; &#8364;"), "Viagra € €");
  EXPECT_EQ(text("caf&eacute caf&eacute; &copy2002"), "café café ©2002");
  EXPECT_EQ(text("&#86&#105;"), "Vi");
  EXPECT_EQ(text("&#149; &#0; &#xD800; &#99999999;"), "• \ufffd \ufffd \ufffd");
  EXPECT_EQ(text("a & b &unknown; &; &# &#x; AT&T"), "a & b &unknown; &; &# &#x; AT&T");
  EXPECT_EQ(text("&colon;&sol;&sol;&period;"), "://.");
  EXPECT_EQ(text("&alpha;&alpha x"), "α&alpha x");  // not a name that may stand open
}

TEST(HtmlText, EntityNamesAreInOrder) {  // the look-up is a binary search
  for (std::string_view name :
       {"AElig", "AMP", "Tab", "amp", "apos", "blank", "lt", "yuml", "zwnj"}) {
    EXPECT_NE(find_entity(name, true, false).length, 0u) << name;
  }
  EXPECT_EQ(find_entity("zwnjx", true, false).length, 0u);
}

TEST(HtmlText, ScriptsAndStylesAreNotRead) {
  EXPECT_EQ(text("a<script>if (x < y) document.write('</b>');</script>b"), "ab");
  EXPECT_EQ(text("a<STYLE type=x>p > b { } </stylex> </style >b"), "ab");
  EXPECT_EQ(read("<script src=http://x.example/a.js></script>").uris,
            (Uris{"http://x.example/a.js"}));
}

TEST(HtmlText, WhatOnlyLooksLikeHiding) {
  EXPECT_EQ(hidden("<i style=\"font-family:';display:none;'\">x</i>"), "");
  EXPECT_EQ(hidden("<i style='a:url(;display:none;)'>x</i>"), "");
  EXPECT_EQ(hidden("<i style='/*;display:none;*/'>x</i>"), "");
  EXPECT_EQ(hidden("<i style='display:inline!important;display:none'>x</i>"), "");
  EXPECT_EQ(hidden("<i style='display:inline!important;display:none!important'>x</i>"), "x");
  EXPECT_EQ(hidden("<i style='opacity:0;opacity:1'>x</i>"), "");
  EXPECT_EQ(hidden("<i style='color:red' style='display:none'>x</i>"), "");
  EXPECT_EQ(hidden("<i style='a:(b);/* c */;display:none'>x</i>"), "x");
}

TEST(HtmlText, NoTagCountsInATitleAndTheLikeButItsEnd) {
  EXPECT_EQ(text("<title><style></title>a<b></b>b"), "||<style>||ab");
  EXPECT_EQ(text("<title><!-- </title>a"), "||<!-- ||a");
  EXPECT_EQ(text("<textarea><script></textarea>a"), "<script>a");
  EXPECT_EQ(text("<iframe><style></iframe >a"), "<style>a");
  EXPECT_EQ(text("<xmp><style>&lt;</xmpl></XMP x='>'>a"), "||<style>&lt;</xmpl>||a");
  EXPECT_EQ(text("<title>&lt;b&gt;</title>a"), "||<b>||a");
  EXPECT_EQ(text("<title>a</tit"), "||a</tit");
  EXPECT_EQ(read("<title><a href=http://h.example/></title>").uris, std::vector<std::string>());
}

TEST(HtmlText, CommentsAndDeclarations) {
  EXPECT_EQ(text("a<!-- > -- - x -->b<!---->c<!-->d<!-- x --!>e"), "abcde");
  EXPECT_EQ(text("<!DOCTYPE html>a<?xml x?>b<![if !mso]>c<![endif]>"), "abc");
  EXPECT_EQ(text("a<!-- never ends"), "a");
  EXPECT_EQ(text("a</>b</ x>c"), "abc");
}

TEST(HtmlText, WhatIsNoTagIsText) {
  EXPECT_EQ(text("1 < 2 <3 a<"), "1 < 2 <3 a<");
  EXPECT_EQ(text("a<b never ends"), "a");
}

TEST(HtmlText, AttributesMayHoldAnything) {
  EXPECT_EQ(text("<a title='x > y' b=\"'>\" c=it's>t</a>"), "t");
  EXPECT_EQ(text("<a title = 'x>y'>t"), "t");
  EXPECT_EQ(text("<a title=x/>t"), "t");
}

TEST(HtmlText, Links) {
  EXPECT_EQ(read("<a href=http://a.example/x?y=1&amp;z=2>t</a>").uris,
            (Uris{"http://a.example/x?y=1&z=2"}));
  EXPECT_EQ(read("<img/src='http://b.example/i.gif'><FORM ACTION=\" http://c.example/ \">").uris,
            (Uris{"http://b.example/i.gif", "http://c.example/"}));
  EXPECT_EQ(read("<a href=\"ht\ntp://d.\r\n\texample/\">").uris, (Uris{"http://d.example/"}));
  EXPECT_EQ(read("<a href=&#104;ttp&#58//e.example>").uris, (Uris{"http://e.example"}));
  EXPECT_EQ(read("<a href=“http://f.example/”>").uris, (Uris{"http://f.example/"}));
  EXPECT_EQ(read("<meta http-equiv=refresh content=\"0; URL='http://g.example/'\">").uris,
            (Uris{"http://g.example/"}));
  EXPECT_EQ(read("<body background=bg.gif><base href=x>").uris, (Uris{"bg.gif", "x"}));
  EXPECT_EQ(read("<a href=''><a href><a name=x>").uris, Uris{});
}

TEST(HtmlText, HiddenText) {
  EXPECT_EQ(text("a<div style=\"display:none\">b</div>c"), "a||c");
  EXPECT_EQ(hidden("a<div style=\"display:none\">b</div>c"), "b");
  EXPECT_EQ(hidden("<span style='DISPLAY : NONE !important'>x</span>y"), "x");
  EXPECT_EQ(hidden("<p style=visibility:hidden>x<b style=visibility:visible>y</b></p>"), "x");
  EXPECT_EQ(hidden("<td style='font-size:0'>x<a style='font-size:12px'>y</a>z"), "xz");
  EXPECT_EQ(hidden("<i style='font-size:1px'>x</i><i style='font-size:10px'>y</i>"), "x");
  EXPECT_EQ(hidden("<i style='font: bold 0px/1 Arial'>x</i>"), "x");
  EXPECT_EQ(hidden("<i style='opacity:0'>x</i><i style='opacity:0.5'>y</i><i hidden>z</i>"), "xz");
  EXPECT_EQ(hidden("<i style='mso-hide:all'>x</i>"), "x");
  EXPECT_EQ(hidden("<i style='display&#58;none'>x</i>"), "x");
}

TEST(HtmlText, HiddenLinksAreKept) {
  EXPECT_EQ(read("<div style=display:none><a href=http://h.example/>x</a></div>").uris,
            (Uris{"http://h.example/"}));
}

TEST(HtmlText, HiddenEndsWhereItsElementEnds) {
  // Inner elements of the same name.
  EXPECT_EQ(text("<div style=display:none>a<div>b</div>c</div>d"), "||||d");
  // An end tag in a cell does not close what stands around the table.
  EXPECT_EQ(hidden("<div style=display:none><table><tr><td></div>a</table></div>b"), "a");
  // The next paragraph, cell or item closes this one.
  EXPECT_EQ(hidden("<p style=display:none>a<p>b"), "a");
  EXPECT_EQ(hidden("<table><tr><td style=display:none>a<td>b<tr>c</table>"), "a");
  EXPECT_EQ(hidden("<ul><li style=display:none>a<li>b</ul>"), "a");
  // br and img have no end.
  EXPECT_EQ(hidden("<img style=display:none>a<br style=display:none>b"), "");
  // Misnested.
  EXPECT_EQ(hidden("<b><i style=display:none>a</b>b</i>"), "a");
}

TEST(HtmlText, ReferencesWithZeros) {
  const std::string zeros(1000, '0');
  EXPECT_EQ(text("a&#" + zeros + "98;c&#x" + zeros + "64;&#0e"), "abcd\ufffde");
  EXPECT_EQ(read("<a href='http://" + ("&#" + zeros.substr(0, 100)) + "97.example/'>").uris,
            (std::vector<std::string>{"http://a.example/"}));
}

struct AsideSink : HtmlSink {
  void html_text(std::string_view, bool) override {}
  void html_text_end() override {}
  void html_line_ends(int) override {}
  void html_blank() override {}
  void html_uri(std::string_view) override {}
  void html_aside(std::string_view text) override { asides += text; }
  void html_aside_end() override { asides += '|'; }
  std::string asides;
};

TEST(HtmlText, AsidesAreToldWhenAskedFor) {
  const std::string_view html =
      "a<!-- one --><img src=x alt='t&amp;wo'><!----><input VALUE=three>b<!-- four";
  for (size_t piece = 1; piece <= html.size(); ++piece) {
    AsideSink sink;
    HtmlText reader(&sink);
    reader.begin(true);
    for (size_t at = 0; at < html.size(); at += piece) reader.feed(html.substr(at, piece));
    reader.finish();
    EXPECT_EQ(sink.asides, " one -->|t&wo|-->|three| four") << piece;
  }
  AsideSink sink;
  HtmlText reader(&sink);
  reader.begin();
  reader.feed(html);
  EXPECT_EQ(sink.asides, "");
}

TEST(HtmlText, DeepNesting) {
  std::string html;
  for (int i = 0; i < 1000; ++i) html += "<b>";
  html += "<i style=display:none>";
  for (int i = 0; i < 1000; ++i) html += "</b>";
  html += "seen";
  EXPECT_EQ(text(html), "seen");
}

TEST(HtmlText, LongTagsAreCut) {
  const std::string data(100'000, 'x');
  const Read sink = read("a<img src=\"data:" + data + "\" alt=x>b<a href=http://i.example/>");
  EXPECT_EQ(sink.text, "ab");
  ASSERT_EQ(sink.uris.size(), 2u);
  EXPECT_EQ(sink.uris[0].size(), HtmlText::kUriBytes);
  EXPECT_EQ(sink.uris[1], "http://i.example/");
}

TEST(HtmlText, PiecesMakeNoDifference) {
  const std::string_view html =
      "<!DOCTYPE html><!-- a --!><p style='display:none'>h&eacute;</p>x &amp y &#x41;&#66"
      "<a href=\"http://a.example/?a&amp;b\">t</a><script>a</scrip</script>z<br/>q"
      "<title>a<b></titl&lt;</title><iframe>&lt;<</iframe>"
      "<!--><b title='>'>1 < 2 &nosuch; </b><img src=x>&colon;&lt";
  const Read whole = read(html);
  for (size_t piece = 1; piece < html.size(); ++piece) {
    EXPECT_EQ(read(html, piece), whole) << piece;
  }
}

}  // namespace
}  // namespace postern::mime
