-- Pages of a round are read in this order, whatever the state.
CREATE INDEX review_item_list ON review_item (org, round, id);
