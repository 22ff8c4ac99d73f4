<?php
// Asks for a feee.io order to be cancelled, signed as a webhook: API=... SECRET=whsec_... php webhook.php ORDER_NO
function ask(string $api, string $secret, string $orderNo): array
{
    $body = json_encode(['order_no' => $orderNo]);
    $id = 'msg_' . bin2hex(random_bytes(16)); // the same each time, so that asking again is no second request
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    foreach ([1, 2, 4, 8, 16] as $wait) {
        $now = time();
        $signature = base64_encode(hash_hmac('sha256', "$id.$now.$body", $key, true));
        $context = stream_context_create(['http' => [
            'method' => 'POST', 'content' => $body, 'timeout' => 30, 'ignore_errors' => true, 'follow_location' => 0,
            'header' => ['Content-Type: application/json', "webhook-id: $id", "webhook-timestamp: $now",
                "webhook-signature: v1,$signature"],
        ]]);
        $http_response_header = [];
        $answer = @file_get_contents("$api/webhooks/cancel", false, $context);
        // 0: it timed out. Nobody knows whether it was accepted, and asking again is safe.
        $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
        if ($status >= 200 && $status < 500 && $status != 429) {
            return [$status, $answer];
        }
        foreach ($http_response_header as $header) {
            if (preg_match('/^Retry-After: *(\d+)/i', $header, $found)) {
                $wait = (int) $found[1];
            }
        }
        sleep($wait);
    }
    fwrite(STDERR, "No answer. Nothing is lost: ask again later.\n");
    exit(1);
}
[$status, $answer] = ask(getenv('API'), getenv('SECRET'), $argv[1]);
$meaning = [200 => 'cancelled, the money is back', 202 => 'accepted, it will be settled', 409 => "can't be cancelled any more"];
echo "$status ", $meaning[$status] ?? 'refused', " $answer\n";
exit(in_array($status, [200, 202]) ? 0 : 1);
