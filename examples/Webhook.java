import java.net.URI;
import java.net.http.*;
import java.time.*;
import java.util.*;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Asks for an order's cancellation, signed as a webhook: API=... SECRET=whsec_... java Webhook.java ORDER_NO */
class Webhook {
    public static void main(String[] args) throws Exception {
        var id = "msg_" + UUID.randomUUID(); // the same each time, so that asking again is no second request
        var key = Base64.getDecoder().decode(System.getenv("SECRET").replaceFirst("^whsec_", ""));
        var body = "{\"order_no\": \"" + args[0] + "\"}";
        var client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
        var meanings = Map.of(200, "cancelled, the money is back", 202, "accepted, it will be settled", 409, "can't be cancelled any more");
        for (var wait = 1; wait < 32; wait *= 2) {
            var now = Instant.now().getEpochSecond();
            var mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            var signature = Base64.getEncoder().encodeToString(mac.doFinal((id + "." + now + "." + body).getBytes()));
            var request = HttpRequest.newBuilder(URI.create(System.getenv("API") + "/webhooks/cancel"))
                .timeout(Duration.ofSeconds(30)).header("Content-Type", "application/json").header("webhook-id", id)
                .header("webhook-timestamp", "" + now).header("webhook-signature", "v1," + signature)
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
            try {
                var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
                var status = answer.statusCode();
                if (status < 500 && status != 429) {
                    System.out.println(status + " " + meanings.getOrDefault(status, "refused") + " " + answer.body());
                    System.exit(status < 400 ? 0 : 1);
                }
            } catch (java.io.IOException timedOut) { } // nobody knows whether it was accepted, and asking again is safe
            Thread.sleep(Duration.ofSeconds(wait).toMillis());
        }
        System.out.println("No answer. Nothing is lost: ask again later.");
        System.exit(1);
    }
}
