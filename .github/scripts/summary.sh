#!/usr/bin/env bash
# Writes a report of `verifier check --format json` as Markdown on stdout, for a job's summary and for a comment.
#
# usage: summary.sh REPORT
set -euo pipefail
report=${1:?usage: summary.sh REPORT}

if ! jq -e '.schema == "verifier.check/1"' "$report" >/dev/null 2>&1; then
  # It was stopped before it could report, or it could not begin.
  echo "**no verdict** – the verifier wrote no report; the log of its step says why."
  exit 0
fi

# What the verifier quotes comes from the stack: it must not become markup, and a cell must stay one line.
jq -r '
  def cell: tostring | gsub("[\r\n]+"; " ") | if length > 300 then .[:299] + "…" else . end
    | gsub("&"; "&amp;") | gsub("(?<mark>[\\\\\\[\\]*_~#])"; "\\\(.mark)")
    | gsub("<"; "&lt;") | gsub("\\|"; "&#124;") | gsub("`"; "&#96;") | gsub("@"; "&#64;");
  def symbol: {pass: "✓", info: "i", warn: "!", fail: "✗", inconclusive: "?", "not-exercised": "–"}[.] // .;
  def counted: [.pass, .info, .warn, .fail, .inconclusive, .notExercised] as $n
    | [["passed", "for information", "warned", "failed", "inconclusive", "not exercised"], $n] | transpose
    | map(select(.[1] > 0) | "\(.[1]) \(.[0])") | join(", ");

  "**\(.verdict)** – \(.counts | counted)",
  "",
  "| | check | |",
  "|---|---|---|",
  (.checks[] | "| \(.verdict | symbol) | \(.id | cell) | \(.summary | cell) |"),
  (.checks[] | select(.next != null and (.verdict == "fail" or .verdict == "inconclusive"))
    | "", "- \(.id | cell): expected \(.expected | cell), found \(.actual | cell). Next: \(.next | cell)"),
  (select(.error != null) | "", "It could not be judged: \(.error.message | cell). \(.error.next // "" | cell)"),
  (select(.leftBehind != []) | "", "Left behind:", (.leftBehind[] | "- \(cell)")),
  "",
  "Run \(.runId | cell), \(.wallSeconds | round) s, \([.awsCalls[]] | add // 0) AWS calls."
' "$report"
