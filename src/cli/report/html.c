/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/html.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/system/clock.h"
#include "base/text/number.h"
#include "base/text/utf8.h"
#include "shardnet/version.h"

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;max-width:800px;"
    "margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0;overflow-wrap:anywhere}"
    "h2{font-size:1.1rem;margin:2.2rem 0 .6rem;padding-bottom:.2rem;"
    "border-bottom:1px solid #8886}"
    "p{margin:.4rem 0}.quiet{opacity:.68}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(7rem,1fr));"
    "gap:.8rem 1.4rem;margin:1.4rem 0}"
    ".figures div{border-top:3px solid #3b7dd8;padding-top:.3rem}"
    ".figures b{display:block;font-size:1.35rem;font-weight:600;"
    "font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".figures span{font-size:.85rem;opacity:.68}"
    "table{border-collapse:collapse;width:100%;font-size:.88rem;"
    "font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:.2rem .5rem;border-bottom:1px solid #8883;"
    "vertical-align:top}"
    "th{font-weight:600;vertical-align:bottom}td{white-space:nowrap}"
    ".text,.facts th,.facts td{text-align:left}"
    ".facts td,.bad{overflow-wrap:anywhere;white-space:normal}"
    ".facts th{width:9rem;font-weight:400;opacity:.68;vertical-align:top}"
    ".chosen td{font-weight:600}.bad{color:#d33}"
    ".wide{overflow-x:auto}h3{font-size:1rem;margin:1.6rem 0 .4rem}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,84px);gap:.9rem 6px;"
    "justify-content:space-between;margin:1rem 0}"
    ".tiles figure{margin:0;font-size:.8rem;line-height:1.3}"
    ".tiles figcaption{margin-top:.2rem;white-space:nowrap}"
    ".unit,.matrix{outline:1px solid #8884}.matrix{margin:.6rem 0;max-width:100%}"
    ".confusion td,.confusion th{text-align:center;padding:.2rem .1rem;border:0}"
    ".confusion .zero{opacity:.55}.confusion .right{background:#3b7dd83d}"
    ".confusion .wrong{background:rgb(226 92 40/var(--heat))}"
    ".bar{width:30%;text-align:left}"
    ".bar i{display:block;height:.8em;margin-top:.3em;background:#e25c28}"
    ".confusion td,.bar i{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    "figure{margin:1rem 0}figure svg{display:block;width:100%;max-width:560px;height:auto}"
    "svg text{fill:CanvasText}"
    ".run i{display:inline-block;width:1.4rem;border-top:3px;vertical-align:middle;"
    "margin-right:.4rem}.key{white-space:nowrap}"
    "pre{font-size:.78rem;line-height:1.45;columns:2;column-gap:2rem;"
    "white-space:pre-wrap;overflow-wrap:anywhere}"
    "footer{margin-top:2.5rem;font-size:.85rem;opacity:.68}"
    ".settings th,.settings td{text-align:left;white-space:nowrap}"
    ".settings td b{overflow-wrap:anywhere;white-space:normal}"
    "@media(max-width:600px){pre{columns:1}svg text{font-size:16px}"
    ".settings{font-size:.8rem}.facts th{width:4.5rem}}"
    "@media print{:root{color-scheme:light;font-size:11px}.wide{overflow:visible}"
    "body{margin:0;max-width:none;font-size:11px}figure svg{width:62%}"
    "figure,tr,.figures,.confusion{break-inside:avoid}h2,h3{break-after:avoid}}"
    "@page{margin:16mm}";

/* Returns the replacement of an ASCII character, NULL if it needs none. */
static const char *replacement(char c)
{
    static const char marks[] = "&<>\"'";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    const char *mark = strchr(marks, c);
    const bool control = (c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == 127;
    return mark != NULL ? names[mark - marks] : control ? "&#65533;" : NULL;
}

void sn_html_text(FILE *out, const char *text, size_t bytes)
{
    const char *next = text;
    size_t left = strnlen(text, bytes);
    while (left > 0) {
        size_t length = sn_utf8_length(next, left);
        const char *other = length == 1   ? replacement(*next)
                            : length == 0 ? "&#65533;"
                                          : NULL;
        length = length > 0 ? length : 1;
        if (other != NULL) {
            fputs(other, out);
        } else {
            fwrite(next, 1, length, out);
        }
        next += length;
        left -= length;
    }
}

void sn_html_words(FILE *out, const char *before, const char *words, const char *after)
{
    fputs(before, out);
    sn_html_text(out, words, strlen(words));
    fputs(after, out);
}

void sn_html_setting(FILE *out, const char *before, const char *value,
                     const char *after)
{
    sn_html_words(out, before,
                  value == NULL      ? "(not set)"
                  : value[0] == '\0' ? "(empty)"
                                     : value,
                  after);
}

void sn_html_cell(FILE *out, double value, int decimals)
{
    if (isnan(value)) {
        fputs("<td>&ndash;</td>", out);
    } else {
        char number[SN_NUMBER_BYTES];
        fprintf(out, "<td>%s</td>", sn_number_text(value, decimals, number));
    }
}

void sn_html_plot(FILE *out, const char *svg, const char *caption)
{
    if (svg != NULL) {
        fprintf(out, "<figure>%s<figcaption class=\"quiet\">%s</figcaption></figure>\n",
                svg, caption);
    }
}

void sn_html_begin(FILE *out, const char *title)
{
    sn_html_words(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>",
        title, " &ndash; shardnet</title>\n<style>");
    fputs(style, out);
}

void sn_html_heading(FILE *out, const char *title)
{
    sn_html_words(out, "</style>\n</head>\n<body>\n<h1>", title, "</h1>\n");
}

void sn_html_end(FILE *out)
{
    char now[SN_UTC_TEXT_BYTES];
    sn_clock_utc_text(now);
    fprintf(out,
            "<footer>Written by <code>shardnet report</code>, version %s, at "
            "%s.</footer>\n</body>\n</html>\n",
            sn_version(), now);
}
