"""HTML: words split by mark-up, text that is not shown, links."""

from .building import base64, html, message
from .encodings import BASE64

STYLES = (
    ("display_none", "display:none", "<div style='display:none'>{}</div>"),
    ("display_none_important", "display:none!important, spelt oddly", "<span style=\" DISPLAY : None !important\">{}</span>"),
    ("font_size_zero", "a font size of nothing", "<font style='font-size:0px'>{}</font>"),
    ("font_size_one", "a font size of one pixel", "<p style='font: italic 1px Arial'>{}</p>"),
    ("visibility_hidden", "visibility:hidden", "<p style='visibility:hidden'>{}</p>"),
    ("opacity_zero", "opacity:0", "<p style='opacity:0.0'>{}</p>"),
    ("hidden_attribute", "the attribute hidden", "<p hidden>{}</p>"),
    ("hidden_by_outlook", "mso-hide:all", "<p style='mso-hide:all'>{}</p>"),
    ("hidden_around", "hidden three elements further out", "<div style='display:none'><table><tr><td><b>{}</b></table></div>"),
    ("picture_alt", "the text in place of a picture", "<img src=cid:x alt='{}'>"),
    ("title_attribute", "what is shown when pointed at", "<a name=x title='{}'>link</a>"),
    ("input_value", "the value of a form's field", "<input type=text value=\"{}\">"),
    ("in_comment", "text in a comment", "<!-- {} -->seen"),
    ("conditional_comment", "a comment that one mail program shows", "<!--[if mso]><p>{}</p><![endif]-->"),
    ("unclosed_comment", "a comment without an end", "seen<!-- and {} and so on"),
)


def around(form):
    return lambda p: html("<p>Look: " + form.replace("{}", p.latin) + " today</p>")


def splitting(pieces):
    """One of `pieces` after each letter."""
    pieces = pieces if isinstance(pieces, tuple) else (pieces,)
    return lambda p: html("<p>" + "".join(c + pieces[at % len(pieces)] for at, c in enumerate(p.latin)) + "</p>")


def letters_as(form):
    return lambda p: html("<p>" + "".join(form.format(ord(c)) for c in p.latin) + " </p>")


def linked(form):
    return lambda p: html(form.replace("{}", "http://shop.example/" + p.path))


def named_entities(p):
    names = {"\u00e9": "&eacute;", "\u00e4": "&auml;", "\u00e8": "&egrave;", "\u00ee": "&icirc;",
             "\u00e0": "&agrave;", "\u00eb": "&euml;"}
    return html("".join(names.get(c, c) for c in p.accented), charset="us-ascii")


ROWS = (
    ("tags_in_words", "tags between letters", "body", splitting(("<b></b>", "<i>", "</i>", "<span class=x></span>"))),
    ("unknown_tags_in_words", "tags that no browser knows", "body", splitting(("<zq>", "</zq>", "<x-y z>"))),
    ("comments_in_words", "comments between letters", "body", splitting(("<!-- x -->", "<!---->", "<!-->", "<!--a--!>"))),
    ("declarations_in_words", "<!x>, <?x> and </ x> between letters", "body", splitting(("<!x>", "<?x?>", "</ x>"))),
    ("malformed_tags", "tags without their quotes' ends and with wild attributes", "body",
     splitting(("<b <i>", "<i =\"x\" y=>", "</b x='>'>", "<br/ ".replace("br", "q") + ">"))),
    ("hidden_in_words", "hidden letters within words", "body",
     splitting(("<span style='display:none'>q</span>", "<b style=font-size:0>z</b>"))),
    *((f"seen_{name}", f"letters that only seem hidden: {about}", "body",
       lambda p, style=style: html("<p>" + "".join(f"<i {style}>{c}</i>" if at % 2 else c
                                                   for at, c in enumerate(p.latin)) + "</p>"))
      for name, about, style in (
          ("string", "a declaration in a string", "style=\"font-family:';display:none;'\""),
          ("brackets", "a declaration in brackets", "style='background:url(;display:none;)'"),
          ("comment", "a declaration in a comment", "style='/*;display:none;*/'"),
          ("important", "an important declaration before", "style='display:inline!important;display:none'"),
          ("opacity", "declared twice", "style='opacity:0;opacity:1'"),
          ("second_style", "a second style", "style='color:red' style='display:none'"))),
    ("scripts_in_words", "scripts between letters", "body", splitting(("<script>var a='</b>';</script>", "<style>b{}</style>"))),
    ("entities_named", "named entities", "body", named_entities),
    ("entities_named_open", "named entities without ;", "body",
     lambda p: html(p.accented.replace("\u00e9", "&eacute").replace("\u00e4", "&auml;")
                    .replace("\u00ee", "&icirc").replace("\u00e0", "&agrave ".strip()).replace("\u00eb", "&euml"))),
    ("entities_decimal", "decimal references", "body", letters_as("&#{};")),
    ("entities_hexadecimal", "hexadecimal references", "body", letters_as("&#x{:x};")),
    ("entities_open", "decimal references without ;", "body", letters_as("&#{}")),
    ("entities_long", "references with fifteen zeros before them", "body", letters_as("&#000000000000000{};")),
    ("entities_longer", "references with thirty zeros before them", "body",
     letters_as("&#" + "0" * 30 + "{};")),
    ("newlines_for_blanks", "line ends and tabs for blanks", "body",
     lambda p: html(p.latin.replace(" ", "\r\n\t \r\n"))),
    ("nbsp_for_blanks", "&nbsp; for blanks", "body", lambda p: html(p.latin.replace(" ", "&nbsp;"))),
    ("noscript", "text in noscript", "body", around("<noscript>{}</noscript>")),
    ("same_colour", "white on white", "body", around("<font color=#ffffff>{}</font>")),
    ("style_class", "hidden by a style sheet's class", "body",
     lambda p: html(f"<style>.x {{display:none}}</style><p class=x>{p.latin}</p>")),
    ("page_title", "the page's title", "body",
     lambda p: message(f"<html><head><title>{p.latin}</title></head><body>hello</body></html>\n",
                       "Content-Type: text/html")),
    *((f"{name}_holds_tag", f"{tag} in {name}, which is no tag there", "body",
       lambda p, name=name, tag=tag: html(f"<{name}>{tag}</{name}><p>{'<b></b>'.join(p.latin)}</p>"))
      for name, tag in (("title", "<style>"), ("textarea", "<script>"), ("iframe", "<!--"), ("xmp", "<style>"))),
    ("base64_html", "HTML in base64, and no text part", "body",
     lambda p: message(base64("<html><body>" + "<b></b>".join(p.latin) + "</body></html>"),
                       "Content-Type: text/html; charset=utf-8", BASE64)),
    ("nul_in_html", "NULs in the words of HTML", "body", splitting("\0")),
    ("cells", "each letter in a cell of a table", "skeleton",
     lambda p: html("<table><tr>" + "".join(f"<td>{c}</td>" for c in p.latin if c != " ") + "</tr></table>")),
    *((name, about, "hidden", around(form)) for name, about, form in STYLES),
    ("link_href", "where a link leads", "uri", linked("<a href='{}'>hello</a>")),
    ("link_bare_attribute", "a link without quotes, in capitals", "uri", linked("<A HREF={}>hello</A>")),
    ("link_entities", "references in a link", "uri",
     lambda p: html("<a href=\"" + "".join(f"&#{ord(c)};" for c in "http://shop.example/" + p.path) + "\">x</a>")),
    ("link_broken", "line ends and tabs in a link", "uri",
     lambda p: html("<a href=\"" + "\n\t".join("http://shop.example/" + p.path) + "\">x</a>")),
    ("link_form", "where a form is sent", "uri", linked("<form action='{}'><input type=submit></form>")),
    ("link_picture", "a picture's source", "uri", linked("<img src='{}'>")),
    ("link_refresh", "a page that sends its reader on", "uri",
     linked("<meta http-equiv=refresh content='0; URL={}'>")),
    ("link_in_hidden", "a link in hidden text", "uri", linked("<div style=display:none><a href='{}'>x</a></div>")),
    ("link_text", "a link in plain text", "uri",
     lambda p: message(f"see (http://shop.example/{p.path}), please\n")),
    ("link_bare_host", "a host without a scheme", "uri", lambda p: message(f"see www.shop.example/{p.path}!\n")),
)
