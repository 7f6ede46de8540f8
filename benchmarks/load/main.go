// Command load holds a call whose packets are as large and as many as it is told: some participants speak, all others
// listen. It reads a plan (JSON) from its standard input, prints the listeners' packets once a second, and goes on until
// it is killed.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sync/atomic"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

type plan struct {
	URL       string
	Speakers  []string // tokens
	Listeners []string
	Rate      int // packets per second of a speaker
	Length    int // bytes of a packet's payload
}

const step = 10 * time.Millisecond

var arrived atomic.Int64

func main() {
	var own plan
	if err := json.NewDecoder(os.Stdin).Decode(&own); err != nil {
		log.Fatal(err)
	}
	for _, token := range own.Listeners {
		join(own.URL, token, true)
	}
	for _, token := range own.Speakers {
		go speak(join(own.URL, token, false), own)
	}
	for range time.Tick(time.Second) {
		fmt.Println(arrived.Swap(0))
	}
}

func join(url, token string, listens bool) *lksdk.Room {
	callback := lksdk.NewRoomCallback()
	callback.OnTrackSubscribed = func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
		buffer := make([]byte, 1500)
		for {
			if _, _, err := track.Read(buffer); err != nil {
				return
			}
			arrived.Add(1)
		}
	}
	room, err := lksdk.ConnectToRoomWithToken(url, token, callback, lksdk.WithAutoSubscribe(listens))
	if err != nil {
		log.Fatal(err)
	}
	return room
}

// speak sends sound, which a media server passes on as it comes: no key frame, no estimate of the way.
func speak(room *lksdk.Room, own plan) {
	track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2})
	if err != nil {
		log.Fatal(err)
	}
	if _, err = room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{DisableDTX: true}); err != nil {
		log.Fatal(err)
	}
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, own.Length)}
	for range time.Tick(step) {
		for range own.Rate * int(step) / int(time.Second) {
			packet.SequenceNumber++
			packet.Timestamp += uint32(48000 / own.Rate)
			if err := track.WriteRTP(packet, nil); err != nil {
				log.Fatal(err)
			}
		}
	}
}
