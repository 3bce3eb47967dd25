-- relay_release: gives the relay's lease back
UPDATE feed_relay SET holder = '', expires = 0 WHERE holder = $1
