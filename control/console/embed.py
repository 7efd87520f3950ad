#!/usr/bin/env python3
"""Turns the console's files into a C++ table: embed.py OUTPUT PATH=FILE…"""
import sys

TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
         "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
         "json": "application/json"}


def main():
    output, *files = sys.argv[1:]
    arrays, rows = [], []
    for number, pair in enumerate(files):
        path, file = pair.split("=", 1)
        with open(file, "rb") as source:
            octets = source.read()
        arrays.append(f"const unsigned char kFile{number}[] = {{{','.join(map(str, octets))}}};")
        kind = TYPES[file.rsplit(".", 1)[-1]]
        rows.append(f'    {{"{path}", "{kind}", {{reinterpret_cast<const char*>(kFile{number}), '
                    f"sizeof kFile{number}}}}},")
    with open(output, "w") as out:
        out.write('#include "control/console/assets.h"\n\nnamespace postern::console {\n'
                  "namespace {\n\n" + "\n".join(arrays) +
                  "\n\nconst Asset kAssets[] = {\n" + "\n".join(rows) + "\n};\n\n}  // namespace\n\n"
                  "std::span<const Asset> assets() { return kAssets; }\n\n"
                  "}  // namespace postern::console\n")


main()
