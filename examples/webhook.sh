#!/bin/sh
# Asks for a feee.io order to be cancelled, signed as a webhook: API=... SECRET=whsec_... sh webhook.sh ORDER_NO
set -eu
body="{\"order_no\": \"$1\"}"
id="msg_$(openssl rand -hex 16)" # the same each time, so that asking again is no second request
key=$(printf %s "${SECRET#whsec_}" | openssl base64 -d -A | od -An -vtx1 | tr -d ' \n')
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
for wait in 1 2 4 8 16; do
  now=$(date +%s)
  signature=$(printf %s "$id.$now.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
  # 000: it timed out. Nobody knows whether it was accepted, and asking again is safe.
  status=$(curl -s -m 30 -o "$answer" -w '%{http_code}' "$API/webhooks/cancel" -d "$body" \
    -H 'Content-Type: application/json' -H "webhook-id: $id" -H "webhook-timestamp: $now" \
    -H "webhook-signature: v1,$signature") || status=000
  case $status in 000 | 429 | 5??) sleep "$wait" ;; *) break ;; esac
done
case $status in
  200) echo "200 cancelled, the money is back $(cat "$answer")" ;;
  202) echo "202 accepted, it will be settled $(cat "$answer")" ;;
  409) echo "409 can't be cancelled any more $(cat "$answer")"; exit 1 ;;
  000 | 429 | 5??) echo "No answer. Nothing is lost: ask again later."; exit 1 ;;
  *) echo "$status refused $(cat "$answer")"; exit 1 ;;
esac
