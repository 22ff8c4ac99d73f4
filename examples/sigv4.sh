#!/bin/sh
# Asks with AWS credentials: API=... AWS_REGION=... AWS_ACCESS_KEY_ID=... sh sigv4.sh ORDER_NO
set -eu
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
for wait in 1 2 4 8 16; do
  # The key comes by standard input, so that no list of processes shows it.
  # 000: it timed out. Nobody knows whether it was accepted, and asking again is safe.
  status=$(printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" | curl -s -m 30 -K - \
    -o "$answer" -w '%{http_code}' "$API/cancellations" --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" \
    ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} \
    -H 'Content-Type: application/json' -d "{\"order_no\": \"$1\"}") || status=000
  case $status in 000 | 429 | 5??) sleep "$wait" ;; *) break ;; esac
done
case $status in
  200) echo "200 cancelled, the money is back $(cat "$answer")" ;;
  202) echo "202 accepted, it will be settled $(cat "$answer")" ;;
  409) echo "409 can't be cancelled any more $(cat "$answer")"; exit 1 ;;
  000 | 429 | 5??) echo "No answer. Nothing is lost: ask again later."; exit 1 ;;
  *) echo "$status refused $(cat "$answer")"; exit 1 ;;
esac
