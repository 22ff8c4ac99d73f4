// Asks for an order's cancellation, signed as a webhook: API=... SECRET=whsec_... go run webhook.go ORDER_NO
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	id := fmt.Sprintf("msg_%s_%d", os.Args[1], time.Now().UnixNano()) // the same each time: asking again is no second request
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("SECRET"), "whsec_"))
	body := fmt.Sprintf(`{"order_no": %q}`, os.Args[1])
	client := http.Client{Timeout: 30 * time.Second}
	for wait := time.Second; wait < 32*time.Second; wait *= 2 {
		now, mac := fmt.Sprint(time.Now().Unix()), hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, now, body)
		request, _ := http.NewRequest("POST", os.Getenv("API")+"/webhooks/cancel", strings.NewReader(body))
		request.Header = http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {id}, "Webhook-Timestamp": {now},
			"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
		answer, err := client.Do(request) // an error: nobody knows whether it was accepted, and asking again is safe
		if err == nil && answer.StatusCode != 429 && answer.StatusCode < 500 {
			text, _ := io.ReadAll(answer.Body)
			meaning := map[int]string{200: "cancelled, the money is back", 202: "accepted, it will be settled", 409: "can't be cancelled any more"}
			fmt.Println(answer.StatusCode, meaning[answer.StatusCode], string(text))
			os.Exit(answer.StatusCode / 400) // 0 if it was accepted
		}
		time.Sleep(wait)
	}
	fmt.Println("No answer. Nothing is lost: ask again later.")
	os.Exit(1)
}
