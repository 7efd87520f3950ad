#include "dataplane/mime/html_entities.h"

#include <algorithm>
#include <array>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

struct Named {
  std::string_view name;
  char16_t code_point;
  bool bare;  // counts without ";"
};

// HTML 4's entities and those later ones that write ASCII punctuation or white space; in the order
// of their names' octets.
// clang-format off
constexpr std::array<Named, 308> kNamed{{
    {"AElig", 0xc6, true}, {"AMP", 0x26, true}, {"Aacute", 0xc1, true}, {"Acirc", 0xc2, true},
    {"Agrave", 0xc0, true}, {"Alpha", 0x391, false}, {"Aring", 0xc5, true}, {"Atilde", 0xc3, true},
    {"Auml", 0xc4, true}, {"Beta", 0x392, false}, {"COPY", 0xa9, true}, {"Ccedil", 0xc7, true},
    {"Chi", 0x3a7, false}, {"Dagger", 0x2021, false}, {"Delta", 0x394, false}, {"ETH", 0xd0, true},
    {"Eacute", 0xc9, true}, {"Ecirc", 0xca, true}, {"Egrave", 0xc8, true},
    {"Epsilon", 0x395, false}, {"Eta", 0x397, false}, {"Euml", 0xcb, true}, {"GT", 0x3e, true},
    {"Gamma", 0x393, false}, {"Hat", 0x5e, false}, {"Iacute", 0xcd, true}, {"Icirc", 0xce, true},
    {"Igrave", 0xcc, true}, {"Iota", 0x399, false}, {"Iuml", 0xcf, true}, {"Kappa", 0x39a, false},
    {"LT", 0x3c, true}, {"Lambda", 0x39b, false}, {"MediumSpace", 0x205f, false},
    {"Mu", 0x39c, false}, {"NewLine", 0xa, false}, {"NoBreak", 0x2060, false},
    {"NonBreakingSpace", 0xa0, false}, {"Ntilde", 0xd1, true}, {"Nu", 0x39d, false},
    {"OElig", 0x152, false}, {"Oacute", 0xd3, true}, {"Ocirc", 0xd4, true}, {"Ograve", 0xd2, true},
    {"Omega", 0x3a9, false}, {"Omicron", 0x39f, false}, {"Oslash", 0xd8, true},
    {"Otilde", 0xd5, true}, {"Ouml", 0xd6, true}, {"Phi", 0x3a6, false}, {"Pi", 0x3a0, false},
    {"Prime", 0x2033, false}, {"Psi", 0x3a8, false}, {"QUOT", 0x22, true}, {"REG", 0xae, true},
    {"Rho", 0x3a1, false}, {"Scaron", 0x160, false}, {"Sigma", 0x3a3, false}, {"THORN", 0xde, true},
    {"Tab", 0x9, false}, {"Tau", 0x3a4, false}, {"Theta", 0x398, false}, {"Uacute", 0xda, true},
    {"Ucirc", 0xdb, true}, {"Ugrave", 0xd9, true}, {"Upsilon", 0x3a5, false}, {"Uuml", 0xdc, true},
    {"Xi", 0x39e, false}, {"Yacute", 0xdd, true}, {"Yuml", 0x178, false},
    {"ZeroWidthSpace", 0x200b, false}, {"Zeta", 0x396, false}, {"aacute", 0xe1, true},
    {"acirc", 0xe2, true}, {"acute", 0xb4, true}, {"aelig", 0xe6, true}, {"agrave", 0xe0, true},
    {"alefsym", 0x2135, false}, {"alpha", 0x3b1, false}, {"amp", 0x26, true},
    {"and", 0x2227, false}, {"ang", 0x2220, false}, {"apos", 0x27, false}, {"aring", 0xe5, true},
    {"ast", 0x2a, false}, {"asymp", 0x2248, false}, {"atilde", 0xe3, true}, {"auml", 0xe4, true},
    {"bdquo", 0x201e, false}, {"beta", 0x3b2, false}, {"blank", 0x2423, false},
    {"brvbar", 0xa6, true}, {"bsol", 0x5c, false}, {"bull", 0x2022, false}, {"cap", 0x2229, false},
    {"ccedil", 0xe7, true}, {"cedil", 0xb8, true}, {"cent", 0xa2, true}, {"check", 0x2713, false},
    {"chi", 0x3c7, false}, {"circ", 0x2c6, false}, {"clubs", 0x2663, false}, {"colon", 0x3a, false},
    {"comma", 0x2c, false}, {"commat", 0x40, false}, {"cong", 0x2245, false}, {"copy", 0xa9, true},
    {"copysr", 0x2117, false}, {"crarr", 0x21b5, false}, {"cup", 0x222a, false},
    {"curren", 0xa4, true}, {"dArr", 0x21d3, false}, {"dagger", 0x2020, false},
    {"darr", 0x2193, false}, {"dash", 0x2010, false}, {"deg", 0xb0, true}, {"delta", 0x3b4, false},
    {"diams", 0x2666, false}, {"divide", 0xf7, true}, {"dollar", 0x24, false},
    {"eacute", 0xe9, true}, {"ecirc", 0xea, true}, {"egrave", 0xe8, true}, {"empty", 0x2205, false},
    {"emsp", 0x2003, false}, {"emsp13", 0x2004, false}, {"emsp14", 0x2005, false},
    {"ensp", 0x2002, false}, {"epsilon", 0x3b5, false}, {"equals", 0x3d, false},
    {"equiv", 0x2261, false}, {"eta", 0x3b7, false}, {"eth", 0xf0, true}, {"euml", 0xeb, true},
    {"euro", 0x20ac, false}, {"excl", 0x21, false}, {"exist", 0x2203, false},
    {"fnof", 0x192, false}, {"forall", 0x2200, false}, {"frac12", 0xbd, true},
    {"frac14", 0xbc, true}, {"frac34", 0xbe, true}, {"frasl", 0x2044, false},
    {"gamma", 0x3b3, false}, {"ge", 0x2265, false}, {"grave", 0x60, false}, {"gt", 0x3e, true},
    {"hArr", 0x21d4, false}, {"hairsp", 0x200a, false}, {"harr", 0x2194, false},
    {"hearts", 0x2665, false}, {"hellip", 0x2026, false}, {"hyphen", 0x2010, false},
    {"iacute", 0xed, true}, {"icirc", 0xee, true}, {"iexcl", 0xa1, true}, {"igrave", 0xec, true},
    {"image", 0x2111, false}, {"infin", 0x221e, false}, {"int", 0x222b, false},
    {"iota", 0x3b9, false}, {"iquest", 0xbf, true}, {"isin", 0x2208, false}, {"iuml", 0xef, true},
    {"kappa", 0x3ba, false}, {"lArr", 0x21d0, false}, {"lambda", 0x3bb, false},
    {"lang", 0x2329, false}, {"laquo", 0xab, true}, {"larr", 0x2190, false},
    {"lbrace", 0x7b, false}, {"lbrack", 0x5b, false}, {"lceil", 0x2308, false},
    {"lcub", 0x7b, false}, {"ldquo", 0x201c, false}, {"le", 0x2264, false},
    {"lfloor", 0x230a, false}, {"lowast", 0x2217, false}, {"lowbar", 0x5f, false},
    {"loz", 0x25ca, false}, {"lpar", 0x28, false}, {"lrm", 0x200e, false},
    {"lsaquo", 0x2039, false}, {"lsqb", 0x5b, false}, {"lsquo", 0x2018, false}, {"lt", 0x3c, true},
    {"macr", 0xaf, true}, {"mdash", 0x2014, false}, {"micro", 0xb5, true}, {"middot", 0xb7, true},
    {"minus", 0x2212, false}, {"mu", 0x3bc, false}, {"nabla", 0x2207, false}, {"nbsp", 0xa0, true},
    {"ndash", 0x2013, false}, {"ne", 0x2260, false}, {"ni", 0x220b, false}, {"not", 0xac, true},
    {"notin", 0x2209, false}, {"nsub", 0x2284, false}, {"ntilde", 0xf1, true}, {"nu", 0x3bd, false},
    {"num", 0x23, false}, {"numsp", 0x2007, false}, {"oacute", 0xf3, true}, {"ocirc", 0xf4, true},
    {"oelig", 0x153, false}, {"ograve", 0xf2, true}, {"oline", 0x203e, false},
    {"omega", 0x3c9, false}, {"omicron", 0x3bf, false}, {"oplus", 0x2295, false},
    {"or", 0x2228, false}, {"ordf", 0xaa, true}, {"ordm", 0xba, true}, {"oslash", 0xf8, true},
    {"otilde", 0xf5, true}, {"otimes", 0x2297, false}, {"ouml", 0xf6, true}, {"para", 0xb6, true},
    {"part", 0x2202, false}, {"percnt", 0x25, false}, {"period", 0x2e, false},
    {"permil", 0x2030, false}, {"perp", 0x22a5, false}, {"phi", 0x3c6, false},
    {"phone", 0x260e, false}, {"pi", 0x3c0, false}, {"piv", 0x3d6, false}, {"plus", 0x2b, false},
    {"plusmn", 0xb1, true}, {"pound", 0xa3, true}, {"prime", 0x2032, false},
    {"prod", 0x220f, false}, {"prop", 0x221d, false}, {"psi", 0x3c8, false},
    {"puncsp", 0x2008, false}, {"quest", 0x3f, false}, {"quot", 0x22, true},
    {"rArr", 0x21d2, false}, {"radic", 0x221a, false}, {"rang", 0x232a, false},
    {"raquo", 0xbb, true}, {"rarr", 0x2192, false}, {"rbrace", 0x7d, false},
    {"rbrack", 0x5d, false}, {"rceil", 0x2309, false}, {"rcub", 0x7d, false},
    {"rdquo", 0x201d, false}, {"real", 0x211c, false}, {"reg", 0xae, true},
    {"rfloor", 0x230b, false}, {"rho", 0x3c1, false}, {"rlm", 0x200f, false}, {"rpar", 0x29, false},
    {"rsaquo", 0x203a, false}, {"rsqb", 0x5d, false}, {"rsquo", 0x2019, false},
    {"sbquo", 0x201a, false}, {"scaron", 0x161, false}, {"sdot", 0x22c5, false},
    {"sect", 0xa7, true}, {"semi", 0x3b, false}, {"shy", 0xad, true}, {"sigma", 0x3c3, false},
    {"sigmaf", 0x3c2, false}, {"sim", 0x223c, false}, {"sol", 0x2f, false},
    {"spades", 0x2660, false}, {"star", 0x2606, false}, {"starf", 0x2605, false},
    {"sub", 0x2282, false}, {"sube", 0x2286, false}, {"sum", 0x2211, false}, {"sup", 0x2283, false},
    {"sup1", 0xb9, true}, {"sup2", 0xb2, true}, {"sup3", 0xb3, true}, {"supe", 0x2287, false},
    {"szlig", 0xdf, true}, {"tau", 0x3c4, false}, {"there4", 0x2234, false},
    {"theta", 0x3b8, false}, {"thetasym", 0x3d1, false}, {"thinsp", 0x2009, false},
    {"thorn", 0xfe, true}, {"tilde", 0x2dc, false}, {"times", 0xd7, true}, {"trade", 0x2122, false},
    {"uArr", 0x21d1, false}, {"uacute", 0xfa, true}, {"uarr", 0x2191, false}, {"ucirc", 0xfb, true},
    {"ugrave", 0xf9, true}, {"uml", 0xa8, true}, {"upsih", 0x3d2, false}, {"upsilon", 0x3c5, false},
    {"uuml", 0xfc, true}, {"verbar", 0x7c, false}, {"vert", 0x7c, false}, {"weierp", 0x2118, false},
    {"xi", 0x3be, false}, {"yacute", 0xfd, true}, {"yen", 0xa5, true}, {"yuml", 0xff, true},
    {"zeta", 0x3b6, false}, {"zwj", 0x200d, false}, {"zwnj", 0x200c, false},
}};
// clang-format on

const Named* find_named(std::string_view name) {
  const auto at = std::lower_bound(kNamed.begin(), kNamed.end(), name,
                                   [](const Named& a, std::string_view b) { return a.name < b; });
  return at != kNamed.end() && at->name == name ? at : nullptr;
}

// What browsers make of a number: 0x80 to 0x9f are windows-1252's.
constexpr std::array<char16_t, 32> kC1{
    0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
    0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};

Entity find_number(std::string_view name) {
  Entity entity;
  const bool hex = name.size() > 1 && to_lower(name[1]) == 'x';
  size_t at = hex ? 2 : 1;
  const size_t digits = at;
  char32_t value = 0;
  for (; at < name.size(); ++at) {
    const int digit = hex_value(name[at]);
    if (digit < 0 || (!hex && digit > 9)) break;
    value = std::min<char32_t>(value * (hex ? 16 : 10) + static_cast<char32_t>(digit), 0x110000);
  }
  if (at == digits) return entity;
  if (value >= 0x80 && value < 0xa0) value = kC1[value - 0x80];
  if (value == 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) value = 0xfffd;
  entity.code_point = value;
  entity.length = at;
  return entity;
}

}  // namespace

Entity find_entity(std::string_view name, bool closed, bool prefix) {
  if (name.empty()) return {};
  if (name[0] == '#') return find_number(name);
  const Named* whole = find_named(name);
  if (whole != nullptr && (closed || whole->bare)) return {whole->code_point, name.size()};
  if (!prefix) return {};
  // The shortest bare name is "lt", the longest "thorn" and its like.
  for (size_t length = std::min<size_t>(name.size() - 1, 6); length >= 2; --length) {
    const Named* named = find_named(name.substr(0, length));
    if (named != nullptr && named->bare) return {named->code_point, length};
  }
  return {};
}

}  // namespace postern::mime
